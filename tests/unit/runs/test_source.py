from pathlib import Path

import pytest

from visionml.errors import InvalidInput, NotFound
from visionml.runs import source
from visionml.runs.source import Notebook


def notebook(**parameters: object) -> Notebook:
    return Notebook(Path("04_training.ipynb"), "Training", dict(parameters))  # type: ignore[arg-type]


def test_notebooks_come_in_the_order_of_their_numbers(tmp_path: Path, write: object) -> None:
    for name in ("03_b", "00_z", "99_a", "notes"):
        write(name)  # type: ignore[operator]
    found = source.notebooks(tmp_path / "notebooks")
    assert [each.name for each in found] == ["00_z", "03_b", "99_a"]
    assert found[0].title == "About 00_z"
    assert found[0].parameters == {"environment": "local"}


def test_a_folder_without_notebooks_is_said_to_be_one(tmp_path: Path) -> None:
    with pytest.raises(NotFound, match="no notebooks in"):
        source.notebooks(tmp_path)


def test_a_file_that_is_no_notebook_is_named(tmp_path: Path) -> None:
    path = tmp_path / "00_broken.ipynb"
    path.write_text("{")
    with pytest.raises(InvalidInput, match="00_broken"):
        source.read(path)


def test_a_notebook_gets_the_parameters_that_it_declares() -> None:
    given = source.chosen(
        [
            notebook(environment="local"),
            Notebook(Path("05.ipynb"), "", {"environment": "", "n": 3}),
        ],
        {"environment": "dev", "n": 4},
    )
    assert given == {"04_training": {"environment": "dev"}, "05": {"environment": "dev", "n": 4}}


def test_a_parameter_that_no_notebook_has_is_refused_with_those_there_are() -> None:
    with pytest.raises(InvalidInput, match="'epoch'") as caught:
        source.chosen([notebook(environment="local", epochs=8)], {"epoch": 3})
    assert "environment, epochs" in caught.value.hint


@pytest.mark.parametrize("value", ["three", None, 2.5, True])
def test_a_parameter_of_another_type_is_refused(value: object) -> None:
    with pytest.raises(InvalidInput, match="epochs of 04_training takes a value of the type int"):
        source.chosen([notebook(epochs=8)], {"epochs": value})  # type: ignore[dict-item]


def test_a_whole_number_serves_where_a_fraction_is_expected() -> None:
    assert source.chosen([notebook(share=0.5)], {"share": 1}) == {"04_training": {"share": 1}}
