"""The check of wording finds text that breaks a rule, names its place, and accepts all other text."""

from pathlib import Path

import pytest

from tools.plain_english import check_prose, check_python, check_test_names, check_yaml, findings

MODULE = Path("lib/module.py")


def in_python(source: str) -> list[str]:
    return [str(each) for each in check_python(MODULE, source)]


def in_yaml(source: str) -> list[str]:
    return [str(each) for each in check_yaml(Path("charmcraft.yaml"), source)]


@pytest.mark.parametrize(
    "text",
    [
        "{0} no longer lets in {1}",
        "the mesh lets the scraper in",
        "shop was shut out",
        "policies are on trial",
        "owned by somebody else",
        "shop says no host name",
        "nothing told the coordinator",
        "what became of it: see what comes of it",
        "a relation is left out",
        "data that can't be read",
        "unit stands by",
    ],
)
def test_avoided_words(text: str):
    (found,) = in_python(f'\nlog.info("{text}")\n')
    assert found.startswith("lib/module.py:2: ")
    assert "; use: " in found


@pytest.mark.parametrize(
    "text",
    [
        "allowed shop -> catalogue",
        "let it run in the mesh",
        "the outcome of a request",
        "teller of stories",
        "outdoors and indoors",
        "comes off",
        "a file cannot be read",
    ],
)
def test_other_words(text: str):
    assert in_python(f'log.info("{text}")') == []


def test_single_words_are_keys():
    assert in_python('data["said"]') == []


def test_docstrings_are_no_messages():
    assert in_python('"""Return what somebody said."""\n\nclass A:\n    """A door."""\n') == []


def test_question_words():
    source = 'def shown():\n    """Whether it is shown."""\n\ndef _hidden():\n    """Whether it is."""\n'
    assert in_python(source) == [
        "lib/module.py:2: docstring begins with a question word; use a verb or a noun"
    ]


def test_question_words_below_attributes():
    assert in_python('class A:\n    """An A."""\n    b: int\n    """Which one."""\n') == []


@pytest.mark.parametrize("name", ["test_door_is_shut", "test_caller_is_told_why", "test_" + "x" * 61])
def test_names_of_tests(name: str):
    source = f"def helper():\n    said = 1\n\nclass TestA:\n    async def {name}(self): ...\n"
    (found,) = check_test_names(Path("tests/test_a.py"), source)
    assert str(found).startswith("tests/test_a.py:5: ")


def test_other_names_of_tests():
    source = f"def test_{'x' * 60}(): ...\n\ndef door(): ...\n"
    assert list(check_test_names(Path("tests/test_a.py"), source)) == []


def test_long_statuses():
    long, short = "x" * 101, "x" * 100
    assert in_python(f'ops.BlockedStatus("{long}")') == [
        "lib/module.py:1: status of 101 characters: at most 100"
    ]
    assert in_python(f'yield waiting(f"{long}{{app}}", KIND)') == [
        "lib/module.py:1: status of 101 characters: at most 100"
    ]
    assert in_python(f'ops.WaitingStatus(f"{short}{{app}}")') == []


def test_yaml():
    source = "option:\n  default: told so\n  description: |\n    One.\n    Nobody.\n"
    (found,) = in_yaml(source)
    assert found.startswith("charmcraft.yaml:5: 'Nobody' in a message")


def test_all_folders_are_checked(tmp_path: Path):
    for folder in ("lib/a", "charms/b/src"):
        (tmp_path / folder).mkdir(parents=True)
        (tmp_path / folder / "c.py").write_text('x = "on trial "\n')
    assert [str(each.path) for each in findings(tmp_path)] == ["lib/a/c.py", "charms/b/src/c.py"]


def in_prose(source: str) -> list[str]:
    return [str(each) for each in check_prose(Path("docs/page.md"), source)]


@pytest.mark.parametrize("word", ["behavior", "colored", "labeling", "modeled", "Normalizes", "catalogs"])
def test_american_spelling(word: str):
    (found,) = in_prose(f"# Title\n\nA {word} page.\n")
    assert found == f"docs/page.md:3: '{word}': this project uses British spelling"
    assert in_python(f'def f():\n    """Return a {word} page."""\n')


@pytest.mark.parametrize(
    "word", ["labelled", "modelling", "catalogue", "label", "authorization", "size", "resized"]
)
def test_british_spelling(word: str):
    assert in_prose(f"A {word} page.\n") == []


def test_code_in_prose():
    assert in_prose("`color` and [a page](color.md)\n```css\ncolor: red\n```\nhttps://color.test\n") == []


def test_prose_has_line_after_code():
    (found,) = in_prose("```\nsomething\n```\nA wish.\n")
    assert found.startswith("docs/page.md:4: ")
