"""Measured risks over grids of n, N, penalty, noise, teacher, student and seed, from blocks of moments."""
