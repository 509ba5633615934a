"""`dualspan onboarding mapping evaluate`: how good the assistant is, on plants whose variables' meaning is known."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from dualspan_cli.errors import CommandError
from dualspan_cli.output import JsonFlag, messages, print_json, print_rows, screen

if TYPE_CHECKING:
    from dualspan_onboarding.mapping.evaluation import Evaluation, Judged, Score

_TARGET_PRECISION, _TARGET_RECALL = 0.95, 0.8
_COLUMNS = ("industry", "labelled", "proposed", "right", "precision", "recall")


def _row(score: Score) -> dict[str, object]:
    return {
        "industry": score.name,
        "labelled": score.labelled,
        "proposed": score.proposed,
        "right": score.right,
        "precision": round(score.precision, 3),
        "recall": round(score.recall, 3),
    }


def _as_dict(measured: Evaluation) -> dict[str, object]:
    return {
        "total": _row(measured.total),
        "industries": [_row(score) for score in measured.by_industry],
        "calibration": [dataclasses.asdict(each) for each in measured.bins],
        "calibration_error": round(measured.error, 4),
        "wrong": [_wrong(each) for each in measured.wrong],
        "missed": [{"plant": plant, "variable": path, "property": name} for plant, path, name in measured.missed],
    }


def _wrong(judged: Judged) -> dict[str, object]:
    match = judged.match
    return {
        "plant": judged.plant,
        "variable": match.variable.browse_path,
        "proposed": f"{match.target.id}/{match.index}",
        "wanted": judged.wanted,
        "confidence": round(match.confidence, 3),
    }


def _print(measured: Evaluation, *, details: bool) -> None:
    scores = [*measured.by_industry, measured.total]
    print_rows([_row(score) for score in scores], as_json=False, columns=_COLUMNS)
    rows = [
        {"matches": each.count, "confidence": f"{each.said:.2f}", "right": f"{each.right:.2f}"}
        for each in measured.bins
    ]
    print_rows(rows, as_json=False, columns=("matches", "confidence", "right"))
    screen.print(f"calibration error {measured.error:.3f}: how far what is said is from what is right, on average")
    if not details:
        return
    for each in measured.wrong:
        wrong = _wrong(each)
        screen.print(f"wrong: {wrong['variable']} → {wrong['proposed']}, wanted {wrong['wanted']}", markup=False)
    for _, path, name in measured.missed:
        screen.print(f"missed: {path} is {name}", markup=False)


def evaluate(
    folder: Annotated[Path, typer.Argument(exists=True, file_okay=False, help="A folder of labelled plants, YAML.")],
    details: Annotated[bool, typer.Option("--details", help="Name what is wrong and what is missed.")] = False,
    fit: Annotated[
        bool, typer.Option("--fit", help="Print the calibration that this folder gives. Never use the held-out part.")
    ] = False,
    as_json: JsonFlag = False,
) -> None:
    """Measure the assistant: precision, recall and calibration, per industry. Works without a platform.

    What counts is what would be applied without a look. Exits with 1 below precision 0.95 or recall 0.8.
    """
    from dualspan_onboarding.asset_models.library import built_in
    from dualspan_onboarding.mapping import calibration
    from dualspan_onboarding.mapping.evaluation import evaluate as measure
    from dualspan_onboarding.mapping.labelled import LabelledSetError, read_folder
    from dualspan_onboarding.mapping.proposals import Assistant

    try:
        plants = read_folder(folder)
    except LabelledSetError as err:
        raise CommandError("BAD_LABELLED_SET", str(err), exit_code=2) from err
    with messages.status("Proposing…"):
        measured = measure(plants, Assistant(built_in().wholes()))
    if as_json:
        print_json(_as_dict(measured))
    else:
        _print(measured, details=details)
    if fit:
        curve = calibration.fit([j.match.strength for j in measured.judged], [j.right for j in measured.judged])
        screen.print(f"slope {curve.slope}, intercept {curve.intercept}")
    if measured.total.precision < _TARGET_PRECISION or measured.total.recall < _TARGET_RECALL:
        raise typer.Exit(1)
