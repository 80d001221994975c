"""SageMaker's strings become types that can be trusted."""

import pytest

from visionml.errors import InvalidInput
from visionml.model.small_cnn import SmallCnnOptions
from visionml.training.hyperparameters import as_strings, parse

GIVEN = {
    "run_id": "run-20261120-100000-abcd",
    "dataset": "digits",
    "dataset_version": "0123456789abcdef",
}


def test_strings_become_numbers_and_the_architecture_gets_its_own() -> None:
    settings, options = parse({**GIVEN, "epochs": "3", "learning_rate": "1e-3", "width": "8"})
    assert (settings.epochs, settings.learning_rate) == (3, 0.001)
    assert options == SmallCnnOptions(width=8)


def test_what_is_in_force_is_written_down_whole() -> None:
    settings, options = parse(GIVEN)
    written = as_strings(settings, options)
    assert parse(written) == (settings, options)
    assert written["dropout"] == "0.2"
    assert written["seed"] == "0"


def test_the_sdk_s_quotes_and_additions_are_taken_off() -> None:
    quoted = {name: f'"{value}"' for name, value in GIVEN.items()}
    added = {"sagemaker_program": '"train.py"', "_tuning_objective_metric": "accuracy"}
    assert parse({**quoted, **added}) == parse(GIVEN)


@pytest.mark.parametrize(
    ("changed", "sentence"),
    [
        ({"epochs": "many"}, "epochs = 'many': Input should be a valid integer"),
        ({"epochs": "0"}, "epochs = '0': Input should be greater than or equal to 1"),
        ({"learning_rate": "-1"}, "learning_rate = '-1'"),
        ({"learning_rate": "nan"}, "learning_rate = 'nan'"),
        ({"dropout": "1.5"}, "dropout = '1.5'"),
        ({"epoch": "3", "lr": "1"}, "Unknown hyperparameters for small-cnn: epoch, lr. Known are"),
        ({"run_id": "mine"}, "run_id = 'mine'"),
        ({"architecture": "none"}, "no architecture named 'none'"),
        ({"epochs": "x", "seed": "y"}, "epochs = 'x'.*seed = 'y'"),
    ],
)
def test_what_cannot_be_used_is_named(changed: dict[str, str], sentence: str) -> None:
    with pytest.raises(InvalidInput, match=sentence):
        parse({**GIVEN, **changed})


def test_what_is_missing_is_named() -> None:
    with pytest.raises(InvalidInput, match="run_id: Field required; dataset: Field required"):
        parse({})


@pytest.mark.parametrize(
    ("changed", "sentence"),
    [
        ({"precision": "int4"}, "precision = 'int4': Input should be 'auto', 'float32'"),
        ({"compile": "perhaps"}, "compile = 'perhaps': Input should be a valid boolean"),
        ({"smallest_crop": "0"}, "smallest_crop = '0': Input should be greater than 0"),
        ({"flip": "2"}, "flip = '2': Input should be less than or equal to 1"),
        ({"quantise": "yes"}, "quantise = 'yes': Input should be 'none' or 'int8'"),
    ],
)
def test_options_of_training_are_checked_too(changed: dict[str, str], sentence: str) -> None:
    with pytest.raises(InvalidInput, match=sentence):
        parse({**GIVEN, **changed})
