"""The server that a command calls, as the project file of the working directory names it."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from fairlift_cli.campaign_files import PROJECT_FILE
from fairlift_cli.environments import Environment
from fairlift_cli.failures import Misused
from fairlift_cli.findings import did_you_mean
from fairlift_cli.project import Project, project_folder, read_project
from fairlift_cli.server_address import ON_THIS_MACHINE


@dataclass(frozen=True, slots=True)
class ChosenEnvironment:
    """An environment of the project file, and what it names there.

    Attributes:
        environment: as the file describes it.
        folder: of the file, which paths start from.
        place: of the environment, as errors name it.
    """

    environment: Environment
    folder: Path
    place: str

    def ca(self) -> Path | None:
        """Path of the certificate to trust; None: the file names none.

        Raises:
            Misused: it is not there.
        """
        if not self.environment.ca_path:
            return None
        path = self.folder / Path(self.environment.ca_path).expanduser()
        if not path.is_file():
            raise Misused(f"{self.place}.ca: {path} is not a file")
        return path

    def token(self, variables: Mapping[str, str] = os.environ) -> str:
        """The token, from where the file says; empty: the file says nothing.

        Raises:
            Misused: it is not there.
        """
        token_place = self.environment.token_place
        if self.environment.has_token_file:
            return self._token_of_file(self.folder / Path(token_place).expanduser())
        token = variables.get(token_place, "").strip()
        if token_place and not token:
            raise Misused(f"{self.place}.token: the variable {token_place} is not set")
        return token

    def _token_of_file(self, path: Path) -> str:
        try:
            token = path.read_text(encoding="utf-8").strip()
        except (OSError, UnicodeDecodeError) as error:
            reason = error.strerror if isinstance(error, OSError) else "it is not a text"
            raise Misused(f"{self.place}.token: {path} cannot be read: {reason}") from None
        if not token:
            raise Misused(f"{self.place}.token: {path} is empty")
        return token


def server_of_project() -> str:
    """What the project file names, or a server on this machine.

    Raises:
        Misused: the project file names none that can be one; another must not be called for it.
    """
    folder = project_folder(Path())
    if folder is None:
        return ON_THIS_MACHINE
    project = read_project(folder)
    _check(project, "server")
    return project.server or ON_THIS_MACHINE


def environment_of_project(name: str) -> ChosenEnvironment:
    """An environment of the project file.

    Raises:
        Misused: there is no such file, it does not have the environment, or has mistakes in them.
    """
    folder = project_folder(Path())
    if folder is None:
        raise Misused(f"--env {name}: no {PROJECT_FILE} is here or above that could name it")
    project = read_project(folder)
    _check(project, "environments")
    environment = project.environments.get(name)
    if environment is None:
        known = ", ".join(sorted(project.environments)) or "none"
        hint = did_you_mean(name, project.environments) or f"; it has {known}"
        raise Misused(f"--env {name}: {project.path} has no such environment{hint}")
    return ChosenEnvironment(environment, folder, f"{project.path}: environments.{name}")


def _check(project: Project, key: str) -> None:
    for finding in project.findings:
        if finding.field == key or finding.field.startswith(f"{key}."):
            raise Misused(str(finding))
