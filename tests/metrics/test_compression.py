"""Passages that are compressed once: whatever stands around them, a document says what its parts say."""

import gzip
from functools import partial
from random import Random

from hypothesis import given
from hypothesis import strategies as st

from exporter.metrics.compression import Compression, Keeping, Passage

# One line of text again and again refers to what was before it wherever that is allowed.
TEXTS = st.builds(lambda line, times: line * times, st.binary(max_size=40), st.integers(0, 3000))


def compressed(*parts: bytes | Passage) -> bytes:
    compression = Compression()
    for part in parts:
        compression.add([part])
    return compression.end()


def never() -> bytes:
    raise AssertionError("it was put together although its segment is known")


@given(st.lists(st.tuples(st.booleans(), TEXTS), max_size=6), st.randoms())
def test_passages_may_stand_anywhere_in_any_document(parts: list[tuple[bool, bytes]], order: Random) -> None:
    keepings = [Keeping() if kept else None for kept, _ in parts]
    told = [(text, keeping) for (_, text), keeping in zip(parts, keepings, strict=True)]
    for _ in range(3):
        document = [text if keeping is None else Passage(keeping, partial(bytes, text)) for text, keeping in told]
        assert gzip.decompress(compressed(*document)) == b"".join(text for text, _ in told)
        order.shuffle(told)


def test_a_passage_is_compressed_once() -> None:
    keeping = Keeping()
    first = compressed(b"before", Passage(keeping, lambda: b"ab"), b"behind")
    assert gzip.decompress(first) == b"beforeabbehind"
    assert gzip.decompress(compressed(Passage(keeping, never), b"behind")) == b"abbehind"


def test_a_document_without_anything_is_empty() -> None:
    assert gzip.decompress(compressed()) == b""


def test_who_reads_a_passage_twice_reads_the_same() -> None:
    made = iter([b"ab", b"another"])
    passage = Passage(Keeping(), lambda: next(made))
    assert passage.text() == passage.text() == b"ab"
