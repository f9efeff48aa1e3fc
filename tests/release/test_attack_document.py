"""Documents that a partner sends along to stop the node that reads them."""

from __future__ import annotations

import pytest

from manara.release import document

MANY = 2_000


@pytest.mark.parametrize(
    "text",
    [
        "a." * MANY + "a = 1",
        "id = 'x'\n[" + "a . " * MANY + "a]\nx = 1",
        '"a\\"b".' + "x." * MANY + "x = 1",
        "x = {'a'." + "'b c'." * MANY + "d = 1}",
        "x = 1\n" + "\n".join(".".join(f"k{n}-{k}" for k in range(40)) + " = 1" for n in range(50)),
    ],
)
def test_a_key_of_very_many_parts_is_refused_before_the_reader_sees_it(text):
    """The reader's work grows with the square of the parts, and faster: 100 KB of them took minutes, in the step."""
    (fault,) = document.read(text.encode())
    assert "parts" in fault.why
    assert fault.line == (2 if text.startswith(("id", "x = 1")) else 1)


def test_versions_times_and_sentences_are_no_such_keys():
    text = b'title = "By art. 2.1. of 2026. See 1.2.3.4, e.g. there. So. It. Is."\nnot_before = 2026-11-23T00:00:00Z'
    found = document.read(text)
    assert isinstance(found, tuple)
    assert not any("parts" in fault.why for fault in found)
