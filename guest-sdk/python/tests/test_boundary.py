"""Those parts of the boundary that change nothing of the interpreter that runs the test."""

import pytest
from mainspring_guest.boundary import clock, entropy, errors, imports


def test_what_cannot_be_parsed_is_told_under_its_own_name():
    with pytest.raises(SyntaxError) as error:
        errors._compile("1 +", "flow.py", "exec")
    assert error.value.filename == "flow.py"
    assert errors._compile("x = 1", "flow.py", "exec").co_filename == "flow.py"
    assert eval(errors._compile("1 + 1", "flow.py", "eval")) == 2


def test_exec_sees_the_names_of_its_caller():
    seen = {}
    errors._exec("seen['x'] = 1")
    space = {"y": 2}
    errors._exec("z = y + 1", space)
    assert seen == {"x": 1} and space["z"] == 3


def test_the_place_of_an_error_is_the_users_innermost_frame():
    stack = (
        '  File "shop/orders.py", line 7, in run\n'
        '  File "shop/prices.py", line 3, in price\n'
        '  File "/2/temporalio/workflow.py", line 99, in execute\n'
    )
    assert errors.place_in(stack) == "shop/prices.py:3 in price"
    assert errors.place_in('File "/2/lib.py", line 1, in f') == "/2/lib.py:1 in f"
    assert errors.place_in("") == ""


def test_a_time_is_the_same_in_every_form():
    made = clock._of(__import__("datetime").datetime, 951_782_400_123_456_789, None)
    assert made.isoformat() == "2000-02-29T00:00:00.123456"


def test_reads_leave_no_trace_in_what_is_drawn():
    entropy.begin_run(7)
    first = entropy._draw(8)
    with entropy.reading():
        read = entropy._draw(8)
    second = entropy._draw(8)
    entropy.begin_run(7)
    assert entropy._draw(8) == first and entropy._draw(8) == second and read not in (first, second)


def test_imports_inside_of_functions_are_found():
    imports._late_imports.clear()
    imports._remember_late_imports(b"import a\ndef f():\n    import b.c\n    from d import e\n")
    assert list(imports._late_imports) == ["b.c", "d"]


def test_a_source_says_its_encoding():
    assert imports._encoding(b"# -*- coding: latin-1 -*-\n") == "iso-8859-1"
    assert imports._encoding(b"x = 1\n") == "utf-8"
