"""What a host of files alone can be asked besides what every host can."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping

from doctor.hosts.base import Document, Host, Skipped, Unseen


class Repository(Host):
    """Files alone, whose paths are not those of the machine they are made for."""

    @abstractmethod
    def folders(self) -> tuple[str, ...]:
        """The folders it is made of, as they were given; none where the paths are the machine's own after all."""

    @abstractmethod
    def overlooked(self) -> tuple[Unseen, ...]:
        """Why configuration may lie in it that is not among its documents."""

    @abstractmethod
    def skipped(self) -> tuple[Skipped, ...]:
        """Files that are called like configuration and were not read: too large, binary, not allowed."""

    @abstractmethod
    def surroundings(self) -> tuple[Document, ...]:
        """Configuration files of the repository that the folders lie in, outside of them: looked up, never judged."""

    @abstractmethod
    def placed(self, places: Mapping[str, str | None]) -> Repository:
        """The same, knowing where its folders and files lie on the machine: path there → path here.

        What a placed folder does not hold is not missing on the machine, for much is made there (environments,
        builds, secrets); a path that leads to None is missing.
        """

    @abstractmethod
    def origin(self, path: str) -> str:
        """The file of the repository that a path of the machine means; the path itself where there is none."""
