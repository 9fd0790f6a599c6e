"""YAML is read alike, to the line and to the word, whether PyYAML has libyaml or only its own scanner."""

import pytest
import yaml
from hypothesis import example, given, settings
from hypothesis import strategies as st

from exporter.config.document import MAX_DEPTH, MAX_NODES, Items, MalformedError, Node, Pairs, Scalar, compose

pytestmark = pytest.mark.skipif(not yaml.__with_libyaml__, reason="PyYAML was built without libyaml")

Outcome = Node | tuple[int, str] | None

# What has a meaning somewhere in YAML, and what the two have been seen to read differently.
PIECES = st.sampled_from(
    [
        *(" ", "  ", "\n", "\n  ", "\n    ", "\t", "\r", "\r\n", "\x85", "\u2028", "\u2029", "\ufeff"),
        *("\x00", "\x07", "\x7f", "\x80", "\xa0", "ü", "😀", "\ud800", "\uffff"),
        *("- ", "-", "- - ", "-\n", "? ", "?", "?\n", ": ", ":", ":\n", ",", ", ", "[", "]", "{", "}", "[]", "{}"),
        *("#", " #c", "# c\n", "a#b", "'a'#b", "a?b", "a!b", "@", "`", "%", "=", "<<", "\\", "^"),
        *("&a ", "&b", "*a", "*b ", "*a : ", "!", "! ", "!!str ", "!!int ", "!x ", "!<tag:yaml.org,2002:str> ", "!<x>"),
        *("%YAML 1.1\n", "%YAML 1.2\n", "%YAML 2.0\n", "%YAML 99999999999999999999.1\n", "%TAG ! tag:x:\n", "%FOO\n"),
        *("---", "--- ", "---\n", "\n---\n", "...", "...\n", "\n...\n"),
        *("'", "''", '"', '"a"', "'a'", "'a':1", '"a":1', "\\n", "\\x41", "\\/", "\\u00e9", "\\ud800", "\\\n", "\\q"),
        *("\\U0001F600", "\\U0011FFFF", "\\UFFFFFFFF"),
        *("|", "|\n", ">\n", "|+\n", ">-\n", "|2\n", "|-2 # c\n", "| #c\n", "|#c\n", "|1-\n", "|0\n", "|2#\n"),
        *("a", "b", "1", "0x1f", "1:20", "no", "~", "null", "2001-01-01", "1.5", "+1", "017", "1_000", ".inf", "::1"),
        *("a:b", "a: b", "a:1", "- a\n  - b\n", "a: b\n", "k:\n", "{a:1}", "{a: 1}", "{? a : b}", "[a: b]", "[? a]"),
        *("http://a.b", "x" * 1030, '"' + "x" * 1030 + '": 1\n', "[" * (MAX_DEPTH + 1)),
    ]
)


def outcome(text: str) -> Outcome:
    try:
        return compose(text)
    except MalformedError as error:
        return error.line, error.message


def outcome_without_libyaml(text: str) -> Outcome:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(yaml, "__with_libyaml__", False)
        return outcome(text)


def check(text: str) -> None:
    assert outcome(text) == outcome_without_libyaml(text)


@given(st.lists(PIECES, max_size=12).map("".join))
@settings(max_examples=1000)
@example("'\t'\n: a")
@example("a: b\t")
@example("a:\n\ufeff")
@example("- !")
@example("- !a:b!!c")
@example("---")
@example("[a?b]")
@example("- |#c\n a")
@example("- >+1#\n a")
def test_any_text_like_yaml_is_read_alike(text: str) -> None:
    check(text)


@given(st.text())
def test_any_text_is_read_alike(text: str) -> None:
    check(text)


TREES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.dates(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)


@given(
    TREES,
    st.sampled_from([None, False, True]),
    st.sampled_from([None, "'", '"', "|", ">"]),
    st.booleans(),
    st.sampled_from(["\n", "\r", "\r\n"]),
)
def test_any_tree_in_any_style_is_read_alike(
    tree: object, flow: bool | None, style: str | None, plain: bool, line_end: str
) -> None:
    check(
        yaml.safe_dump(
            tree, default_flow_style=flow, default_style=style, allow_unicode=plain, line_break=line_end, width=20
        )
    )


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("", id="nothing"),
        pytest.param("# only this\n", id="a comment"),
        pytest.param("---\n...\n", id="an empty document"),
        pytest.param("%YAML 1.1\n---\na: 1\n", id="a directive"),
        pytest.param("%YAML 1.2\n---\na: 1\n", id="the directive of another version"),
        pytest.param("\ufeffa: 1\n", id="a byte order mark"),
        pytest.param("a: 1\r\nb: [1,\r\n 2]\r\n", id="the line ends of windows"),
        pytest.param("a: 1\rb: 2\r", id="the line ends of old"),
        pytest.param("a: 1\x85b: 2\u2028c: 3\u2029d: 4", id="the line ends of unicode"),
        pytest.param("{a:1}", id="a colon inside a plain scalar"),
        pytest.param("{a: 2001:db8::1, b: [::1, '::1']}", id="colons in plain flow scalars"),
        pytest.param('{"a":1,"b":[1,2],"c":{"d":null}}', id="json without spaces"),
        pytest.param('{"a": "\\u00e9\\n\\/\\ud83d\\ude00"}', id="the escapes of json"),
        pytest.param("? a\n: b\n? [c, d]\n: e\n", id="keys with question marks"),
        pytest.param("a: &x {b: 1}\nc: *x\nd: [*x, *x]\n", id="anchors and aliases"),
        pytest.param("a: &x 1\nb: &x 2\nc: *x\n", id="an anchor twice"),
        pytest.param("a: 1\na: 2\n", id="a key twice"),
        pytest.param("a: |\n  b\n   c\n\nd: >-\n  e\n  f\n\ng: |+\n  h\n\n", id="block scalars"),
        pytest.param("a: b\n  c\n\n  d\ne: 'f\n  g'\n", id="scalars of several lines"),
        pytest.param("a: " + "b" * 100_000, id="a long scalar"),
        pytest.param("b" * 2_000 + ": a", id="a long key"),
        pytest.param(f'"{"b" * 2_000}": a', id="a long key in quotes"),
        pytest.param("[" * MAX_DEPTH + "]" * MAX_DEPTH, id="as deep as may be"),
    ],
)
def test_odd_yaml_is_read_alike(text: str) -> None:
    check(text)


@pytest.mark.parametrize(
    ("text", "line"),
    [
        pytest.param("a: [1\nb: 2\n", 2, id="an open bracket"),
        pytest.param("a: 'b\n", 2, id="an open quote"),
        pytest.param("a: b\n c: d\n", 2, id="a mapping in a scalar"),
        pytest.param("a:\n\t- b\n", 2, id="a tab for an indentation"),
        pytest.param("a:\tb\n", 1, id="a tab behind a key"),
        pytest.param('a: "\\q"\n', 1, id="an unknown escape"),
        pytest.param('a: "\\U0011FFFF"\n', 1, id="no character"),
        pytest.param("%YAML 2.0\n---\na\n", 1, id="a version to come"),
        pytest.param("\na: \x07\n", 2, id="a control character"),
        pytest.param("\na: b\0\n", 2, id="a zero"),
        pytest.param("[" * 200_000 + "\0", 1, id="a control character behind what is too deep"),
        pytest.param("a: b\n---\nc: d\n", 2, id="a second document"),
        pytest.param("\na: *b\n", 2, id="an unknown alias"),
        pytest.param("a: &b [*b]\n", 1, id="an alias inside of itself"),
        pytest.param("\n" + "[" * (MAX_DEPTH + 1), 2, id="too deep"),
        pytest.param("\n" + "{a: " * 100_000, 2, id="far too deep"),
        pytest.param("- " * 100_000, 1, id="far too deep in block style"),
        pytest.param("a: b\n" * 3 + "c: d: e\n", 4, id="two colons"),
    ],
)
def test_a_fault_is_worded_alike_and_has_the_same_line(text: str, line: int) -> None:
    found = outcome(text)
    assert isinstance(found, tuple)
    assert found[0] == line
    assert found == outcome_without_libyaml(text)


def test_what_an_alias_stands_for_counts_as_often_as_it_is_used() -> None:
    many = f"a: &a [{', '.join(['1'] * 999)}]\nb: [{', '.join(['*a'] * 998)}]\n"
    assert isinstance(outcome(many), Pairs)  # 999,004 values
    one_more = many + "c: *a\n"
    assert outcome(one_more) == (1, f"holds more than {MAX_NODES} values, with all that its aliases stand for")
    check(one_more)


def test_what_is_below_a_tag_of_an_application_is_not_kept_and_does_not_count() -> None:
    many = f"a: &a !set [{', '.join(['1'] * 999)}]\nb: [{', '.join(['*a'] * 2_000)}]\n"
    assert isinstance(outcome(many), Pairs)


def test_an_ordinary_file_needs_no_scanner_but_libyaml(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(yaml, "SafeLoader")
    text = '{"hosts": [{"host": "mail.example.org"}]}  # JSON\n'
    assert compose(text) == Pairs(
        1,
        ((Scalar(1, "hosts"), Items(1, (Pairs(1, ((Scalar(1, "host"), Scalar(1, "mail.example.org")),)),))),),
    )
