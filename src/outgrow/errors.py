"""The exceptions a user can meet, and the registry of coded checks.

An exception says in one line what is wrong, where, and what to do about it; the command line prints
that line and exits with status 2. A check is raised by a result that exists but deserves suspicion:
its code (OG1xx data, OG2xx statistics, OG3xx models, OG4xx files) leads to what it means, why it
matters and the remedy.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass


def printable(text: str) -> str:
    """Show what would steer a terminal, or is no character at all, as a question mark."""
    return "".join(c if c.isprintable() or c in "\n\t" else "?" for c in text)


class OutgrowError(Exception):
    """Something the user can put right: what is wrong, where, and the remedy, in one line."""

    def __init__(self, what: str, where: str = "", remedy: str = "") -> None:
        self.what, self.where, self.remedy = what, where, remedy
        line = f"{where}: {what}" if where else what
        super().__init__(f"{line}. {remedy}" if remedy else line)


class DataError(OutgrowError, ValueError):
    """The numbers, ids or labels given cannot be used."""


class FileError(OutgrowError):
    """A file or folder is missing, damaged, of another kind, or in the way."""


class ConfigError(OutgrowError, ValueError):
    """An option is unknown, or its value cannot be used with the others."""


@contextmanager
def read_back(where: object, remedy: str = "Run it again.") -> Iterator[None]:
    """Turn whatever fails while something that was written earlier is read into one line that names it.

    Files may hold anything, checksums made right included, so every error in here is theirs.
    """
    try:
        yield
    except (OutgrowError, MemoryError):
        raise
    except Exception as error:
        errors = getattr(error, "errors", None)  # pydantic's: the first says enough
        first = errors()[0] if callable(errors) else None
        message = (
            f"{'.'.join(map(str, first['loc']))}: {first['msg']}".removeprefix(": ")
            if first
            else f"{type(error).__name__}: {str(error).strip() or 'no reason given'}"
        )
        line = " ".join(message.split())[:MOST_LETTERS]
        raise FileError(f"is damaged, or not what it should be ({line})", str(where), remedy) from error


def reason(error: OSError) -> str:
    """Say by its number what the system said: libraries put paths into the text that the user never saw."""
    return (os.strerror(error.errno) if error.errno else str(error)).lower()


def unwritable(error: OSError, where: object, remedy: str = "Nothing was kept.") -> FileError:
    """Say that something cannot be written."""
    return FileError(f"cannot be written ({reason(error)})", str(where), remedy)


MOST_LETTERS = 200
"""Letters of a library's own words in a message: they may quote whole files."""


@dataclass(frozen=True)
class CheckKind:
    """What one coded check means, whatever result raised it."""

    code: str
    """ "OG" and three digits."""
    title: str
    """What is wrong, in a few words."""
    why: str
    """Why it matters, one sentence."""
    remedy: str
    """What to do, one sentence."""
    serious: bool = False
    """Whether answers may be worthless where it is raised: it then stands above them."""


_KINDS = (
    CheckKind(
        "OG101",
        "the same content stands under two ids on both sides of the split",
        "A row that was trained on and is tested on again makes every risk look too small.",
        "Remove the duplicates, or name a group column that holds them together (--group-column).",
        serious=True,
    ),
    CheckKind(
        "OG102",
        "the labelled rows do not look drawn from the pool",
        "Dimensions, pseudo-labels and forecasts assume that labelled and unlabelled rows come from one"
        " population.",
        "Draw the labelled rows at random from the pool, or report risks for the labelled population only.",
        serious=True,
    ),
    CheckKind(
        "OG103",
        "the test rows do not look drawn from the pool",
        "Test risks then speak of another population than the one trained on.",
        "Draw the test rows at random from the same source as the pool.",
        serious=True,
    ),
    CheckKind(
        "OG104",
        "columns were dropped",
        "A column that does not vary carries nothing a linear head could use.",
        "Nothing is needed; an encoder with many such columns may be misconfigured.",
    ),
    CheckKind(
        "OG105",
        "rows were left out of the join",
        "Rows without features in every set can be neither trained on nor tested.",
        "Encode the missing rows, or remove them from the labels.",
    ),
    CheckKind(
        "OG106",
        "rows were matched by their number",
        "One file has ids and another has none: a file in another order would be joined wrongly.",
        "Give every file a column of ids (--id-column), or make sure that all are in one order.",
        serious=True,
    ),
    CheckKind(
        "OG107",
        "rows of the input could not be used",
        "They are in no part of the split, and rows that cannot be read are seldom a random few.",
        "Mend or remove them.",
    ),
    CheckKind(
        "OG108",
        "few rows carry the spread of the labels",
        "Squared errors are then those of these rows, and every risk and verdict hangs on them.",
        "Correct the values where they are mistakes; else predict their logarithm, or leave them out.",
        serious=True,
    ),
    CheckKind(
        "OG109",
        "a weak feature set is the strong one",
        "A student that reads what its teacher reads has little to add: nothing is learned of two models.",
        "Name the features of two models, unless this is meant.",
    ),
    CheckKind(
        "OG110",
        "a value may stand for a missing label",
        "A mark of what is not known, trained on as a label, is a class or a number that nobody meant.",
        "Leave the cells empty where the label is missing; rename a class that is called like a mark.",
    ),
    CheckKind(
        "OG111",
        "few rows carry a column of the features",
        "The column then says little more than which rows these are, and whatever is fitted hangs on them.",
        "Correct the values where they are mistakes; else take their logarithm, or leave the column out.",
        serious=True,
    ),
    CheckKind(
        "OG201",
        "n is near the teacher's dimension d_w",
        "Least squares near interpolation multiplies noise without bound (the double-descent peak).",
        "Use the ridge head, a lower --rank, or move n away from d_w.",
    ),
    CheckKind(
        "OG202",
        "n is near the student's dimension d_s",
        "The baseline is near its interpolation peak, which flatters every ratio that divides by it (OPR).",
        "Compare with the tuned ridge baseline, use a lower --rank, or move n away from d_s.",
    ),
    CheckKind(
        "OG203",
        "N is near the student's dimension d_s",
        "The student nearly interpolates its pseudo-labels and multiplies their noise.",
        "Use more unlabelled rows, the ridge head, or a lower --rank.",
    ),
    CheckKind(
        "OG204",
        "the test set is too small for the difference claimed",
        "The interval of the difference includes zero, so the order of the routes may be chance.",
        "Test on more rows, or read the routes as tied.",
    ),
    CheckKind(
        "OG205",
        "the ceiling is not better than the teacher",
        "PGR divides by the gap between the two; its value or even its sign then means nothing.",
        "Read the risks themselves; look for a stronger student or a noisier regime.",
    ),
    CheckKind(
        "OG206",
        "the residuals are far from what Gaussian theory assumes",
        "Variance terms are off by the sandwich factor when residuals and features depend on each other.",
        "Use the factors reported beside the prediction, and trust measured risks first.",
    ),
    CheckKind(
        "OG207",
        "a dimension was capped",
        "Keeping every direction the rule asks for would put a fit near its interpolation peak.",
        "Nothing is needed; --rank sets the number of directions by hand.",
    ),
    CheckKind(
        "OG208",
        "a chosen penalty stands at the edge of its grid",
        "The best penalty may lie beyond what was tried.",
        "Look at the scale of the features; constant risk along the edge is harmless.",
    ),
    CheckKind(
        "OG209",
        "the fit is ill-conditioned",
        "Directions below the numerical error of the moments were left out of the solution.",
        "Remove duplicated columns, or use the ridge head.",
    ),
    CheckKind(
        "OG210",
        "there are no unlabelled rows",
        "Without pseudo-labels there is no student to train: the teacher's fit is all there is.",
        "Give unlabelled rows (NaN for regression, -1 for classification).",
    ),
    CheckKind(
        "OG212",
        "an excess risk is below zero",
        "The noise variance given is larger than the whole risk, so it cannot be that of these labels.",
        "Correct --noise-variance (or --truth-variance), or leave it out.",
        serious=True,
    ),
    CheckKind(
        "OG213",
        "an estimate fell below zero",
        "A variance or risk cannot be negative; the labels are too few or too noisy to tell it from zero, and"
        " zero is reported.",
        "Use more labels, or read the interval.",
    ),
    CheckKind(
        "OG214",
        "the forecast is not borne out by leave-one-out",
        "At the labels and the pool at hand both estimate the same risk; where they differ by more than their"
        " intervals allow, an assumption does not hold here, and where the interval is far wider than the"
        " risk the forecast has been held against nothing.",
        "Trust leave-one-out at this design, and look for duplicates, drift between labelled rows and pool,"
        " heavy tails, or a pool too small for its features.",
    ),
    CheckKind(
        "OG215",
        "few labels: what is said of them is rough",
        "The intervals come from twenty groups of labelled rows; with fewer than two rows in each they are"
        " rough.",
        "Label more rows: 100 give usable intervals, 400 narrow ones.",
    ),
    CheckKind(
        "OG218",
        "the recommended route came out otherwise than its labels said",
        "The measured error lies outside what was expected, chance on both sides allowed for: one in ten runs"
        " may, and few labels often mislead.",
        "Believe the test rows; look for drift between labelled rows and test rows.",
    ),
    CheckKind(
        "OG216",
        "rows come in copies",
        "A copy tells nothing new, and what feature sets share by chance grows as if there were fewer rows.",
        "Nothing is needed for shared directions, which count copies as one; remove copies before training.",
    ),
    CheckKind(
        "OG217",
        "small gap between teacher and ceiling",
        "PGR divides by the gap; where it is less than a fifth of the teacher's error, small errors of the"
        " risks are large ones of PGR.",
        "Read the difference of student and teacher itself, and PGR by its interval.",
    ),
    CheckKind(
        "OG301",
        "a logistic fit stopped before it converged",
        "Its coefficients are not those of the penalty named, and its risk is not the best to be had.",
        "Scale the features to like variance, remove extreme values, or use the ridge head.",
    ),
    CheckKind(
        "OG302",
        "the encoder is not deterministic",
        "Two passes over the same rows give different features, so nothing measured on them can be repeated.",
        "Put the model into evaluation mode (dropout off), and fix the seed of whatever it draws.",
        serious=True,
    ),
    CheckKind(
        "OG303",
        "a row's features depend on its batch",
        "Features then change with the batch size and the order of rows, and leak from one row to another.",
        "Put the model into evaluation mode (batch norm), and mask padding in attention and pooling.",
        serious=True,
    ),
    CheckKind(
        "OG304",
        "the encoder gives values that are not finite",
        "No head can be fitted on NaN or infinity.",
        "Compute in float32; if that does not help, the weights are damaged.",
        serious=True,
    ),
    CheckKind(
        "OG305",
        "the encoder gives every row the same features",
        "Features that do not vary carry nothing a head could use.",
        "Look at the layer, the pooling and the weights: they may never have been loaded.",
        serious=True,
    ),
)

CHECKS: dict[str, CheckKind] = {kind.code: kind for kind in _KINDS}
"""Every coded check, by its code."""
