"""What a log line carries does not clash with what every log record has: the clash would end the caller."""

import ast
import logging

from tests.house.tree import ROOT, python_files

RESERVED = {*vars(logging.makeLogRecord({})), "message", "asctime"}


def test_no_log_line_overwrites_a_record() -> None:
    found = []
    for path in python_files("src"):
        for node in ast.walk(ast.parse((ROOT / path).read_text())):
            if isinstance(node, ast.keyword) and node.arg == "extra" and isinstance(node.value, ast.Dict):
                keys = {k.value for k in node.value.keys if isinstance(k, ast.Constant)}
                found += [f"{path}:{node.value.lineno}: {key}" for key in keys & RESERVED]
    assert not found, found
