"""Sample sets that are imported by name."""

from pathlib import Path

import pytest

from visionml.desks import datasets


def test_a_sample_set_is_written_for_as_long_as_it_is_imported(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    for source in ("digits", ["digits"]):
        with datasets._written(source) as files:
            assert isinstance(files, Path)
            assert len(list(files.rglob("*.png"))) == 1797
        assert not files.exists()


def test_every_sample_set_has_its_section_in_the_readme() -> None:
    readme = (Path(__file__).parents[3] / "data_samples" / "README.md").read_text()
    assert all(f"| `{name}/` |" in readme for name in datasets.SAMPLES)


@pytest.mark.parametrize("source", ["photos", Path("digits"), ["digits", "animals"]])
def test_any_other_source_stays_what_it_is(source: str | Path | list[str]) -> None:
    with datasets._written(source) as files:
        assert files is source


def test_a_folder_goes_before_a_sample_set_of_its_name(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "animals").mkdir()
    monkeypatch.chdir(tmp_path)
    with datasets._written("animals") as files:
        assert files == "animals"
