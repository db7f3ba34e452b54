"""Goldens: one readable file a report."""

from __future__ import annotations

import pytest
from syrupy.assertion import SnapshotAssertion
from syrupy.extensions.single_file import SingleFileSnapshotExtension, WriteMode


class _TextFile(SingleFileSnapshotExtension):
    _write_mode = WriteMode.TEXT
    file_extension = "txt"
    _file_extension = "txt"


class _JsonFile(_TextFile):
    file_extension = "json"
    _file_extension = "json"


@pytest.fixture
def text_golden(snapshot: SnapshotAssertion) -> SnapshotAssertion:
    return snapshot.use_extension(_TextFile)


@pytest.fixture
def json_golden(snapshot: SnapshotAssertion) -> SnapshotAssertion:
    return snapshot.use_extension(_JsonFile)
