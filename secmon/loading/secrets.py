"""Where secrets are kept → the secrets. Values never reach a text of ours."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from secmon.api import Credentials
from secmon.loading.problems import ConfigError, Place
from secmon.settings import CredentialsEntry, SecretRef

_MAX_BYTES = 64 * 1024
_PLAIN = ("username", "auth", "privacy")
_SECRET = ("password", "community", "auth_key", "privacy_key")


class NoSecret(Exception):
    """A reference leads nowhere; the text says what was expected."""


@dataclass(frozen=True, slots=True)
class Secrets:
    """Finds what the site file refers to. A relative file is looked for in $CREDENTIALS_DIRECTORY,
    where systemd names `secrets/x` of a whole folder `secrets_x`, then beside the site file."""

    folder: Path  # of the site file
    environ: Mapping[str, str] = field(repr=False)
    entries: Mapping[str, CredentialsEntry] = field(default_factory=dict)

    def credentials(self, name: str) -> Credentials:
        """An entry of `credentials:`, resolved. Raises ConfigError."""
        entry = self.entries.get(name)
        if entry is None:
            raise ConfigError([f"credentials.{name}: expected a known name (got {name!r})"])
        values = {key: value for key in _PLAIN if (value := getattr(entry, key)) is not None}
        for key in _SECRET:
            reference = getattr(entry, key)
            if reference is not None:
                values[key] = self._told(reference, f"credentials.{name}.{key}")
        return Credentials(values)

    def secret(self, reference: SecretRef) -> str:
        """What a reference stands for. Raises ConfigError."""
        return self._told(reference, "secret")

    def path(self, name: str) -> Path:
        """Where a file that the site file names is, whether it is there or not."""
        loaded = self.environ.get("CREDENTIALS_DIRECTORY", "")
        for known in (name, name.replace("/", "_")) if loaded else ():
            with suppress(OSError):  # not there, or a folder that is not for us
                (found := Path(loaded) / known).stat()
                return found
        return self.folder / name

    def look_up(self, reference: SecretRef) -> str:
        """What a reference stands for. Raises NoSecret."""
        if reference.env is not None:
            value = self.environ.get(reference.env, "")
            if not value:
                raise NoSecret(
                    f"expected the environment variable {reference.env} (got nothing in it)"
                )
            return value
        return self._read(reference.file or "")

    def _told(self, reference: SecretRef, where: str) -> str:
        try:
            return self.look_up(reference)
        except NoSecret as error:
            raise ConfigError([f"{where}: {error}"]) from None

    def _folders(self) -> list[Path]:
        given = self.environ.get("CREDENTIALS_DIRECTORY", "")
        return [Path(given), self.folder] if given else [self.folder]

    def _read(self, name: str) -> str:
        path = self.path(name)
        try:
            with path.open("rb") as stream:
                raw = stream.read(_MAX_BYTES + 1)
        except (OSError, ValueError) as error:
            why = getattr(error, "strerror", None) or "no such file"
            looked = " or ".join(str(folder) for folder in self._folders())
            raise NoSecret(f"expected a readable file {name} in {looked} (got: {why})") from None
        if len(raw) > _MAX_BYTES:
            raise NoSecret(f"expected at most 64 kB in {path} (got more)")
        try:
            text = raw.decode("utf-8").removesuffix("\n").removesuffix("\r")
        except UnicodeDecodeError:
            raise NoSecret(f"expected UTF-8 text in {path} (got something else)") from None
        if not text:
            raise NoSecret(f"expected a secret in {path} (got an empty file)")
        return text


def check_credentials(secrets: Secrets, place: Place) -> None:
    """Every secret under `credentials:` can be had."""
    for name, entry in secrets.entries.items():
        for key in _SECRET:
            check_secret(secrets, getattr(entry, key), place.at("credentials", name, key))


def check_secret(secrets: Secrets, reference: SecretRef | None, place: Place) -> None:
    """This one can be had, if it is asked for."""
    if reference is None:
        return
    try:
        secrets.look_up(reference)
    except NoSecret as error:
        place.wrong(str(error))


def check_file(secrets: Secrets, name: str, place: Place) -> None:
    """A file that is named outright (certificate, key) can be read."""
    try:
        with secrets.path(name).open("rb"):
            pass
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or "no such file"
        place.wrong(f"expected a readable file (got: {why})")
