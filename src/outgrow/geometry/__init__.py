"""What representations share: intrinsic dimensions by named rules, correlation dimension, angles."""
