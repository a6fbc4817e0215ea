"""The daemon as the command line sees it: requests through the docker SDK, errors in docker's words."""

import json
from collections.abc import Iterator, Mapping
from functools import cached_property
from typing import IO, TYPE_CHECKING, Any
from urllib.parse import quote

import click

from seaway.cli.failures import Failed, message_of, refused
from seaway.cli.hijack import Stream, upgrade
from seaway.cli.target import Target, unreachable

if TYPE_CHECKING:
    from docker.api.client import APIClient
    from requests import Response


NEWEST = "1.50"
"""The newest version of the API that this client knows."""


class Client:
    """One daemon. Nothing is connected, and the SDK is not imported, before the first request."""

    def __init__(self, target: Target | None = None) -> None:
        self.target = target or Target()

    @cached_property
    def sdk(self) -> "APIClient":
        """The SDK's client. Making it asks nothing."""
        # Imported here and not above: the SDK takes longer to load than most commands take to run.
        from docker.api.client import APIClient
        from docker.errors import DockerException
        from docker.tls import TLSConfig

        target = self.target
        tls: Any = False
        try:
            if target.tls:
                tls = TLSConfig(
                    client_cert=(target.cert, target.key) if target.cert else None,
                    ca_cert=target.ca or None,
                    verify=target.verify,
                )
            return APIClient(target.host, version=NEWEST, tls=tls)
        except DockerException as error:
            raise Failed(f"{target.host}: {error}") from error

    @cached_property
    def version(self) -> str:
        """The API version spoken: the newest that both sides know."""
        known = str(self._send("GET", "/version").json()["ApiVersion"])
        return min(known, NEWEST, key=lambda version: [int(part) for part in version.split(".")])

    def get(self, path: str, **query: Any) -> Any:
        """GET; the answer's JSON."""
        return self._json(self.request("GET", path, query=query))

    def post(self, path: str, body: Any = None, **query: Any) -> Any:
        """POST; the answer's JSON, or None when it has no body."""
        return self._json(self.request("POST", path, query=query, body=body))

    def delete(self, path: str, **query: Any) -> Any:
        """DELETE; the answer's JSON, or None when it has no body."""
        return self._json(self.request("DELETE", path, query=query))

    def request(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, Any] | None = None,
        body: Any = None,
        data: IO[bytes] | Iterator[bytes] | bytes | None = None,
        headers: Mapping[str, str] | None = None,
        stream: bool = False,
    ) -> "Response":
        """One request. Raises Failed with the daemon's own words when it refuses.

        ``stream`` returns when the head has come, and leaves the body to be read.
        """
        return self._send(
            method,
            f"/v{self.version}{path}",
            params=parameters(query or {}),
            json=body,
            data=data,
            headers=dict(headers or {}),
            stream=stream,
        )

    def _send(self, method: str, path: str, **more: Any) -> "Response":
        sdk = self.sdk
        from requests.exceptions import RequestException

        try:
            # The SDK's own CA is named each time: else one from the environment would take its place.
            response = sdk.request(method, f"{sdk.base_url}{path}", timeout=None, verify=sdk.verify, **more)
        except RequestException as error:
            raise unreachable(self.target, error) from error
        if response.status_code >= 400:
            raise refused(message_of(response.content), response.status_code)
        return response

    def hijack(self, path: str, body: Any = None, **query: Any) -> Stream:
        """POST, and take the connection over as a two-way stream."""
        return upgrade(self.target, f"/v{self.version}{path}", parameters(query), body)

    def registry_auth(self, name: str) -> dict[str, str]:
        """The header with the user's credentials for the registry that an image name leads to."""
        from docker.auth import get_config_header, resolve_repository_name

        registry, _ = resolve_repository_name(name)
        header = get_config_header(self.sdk, registry)
        return {"X-Registry-Auth": header.decode() if isinstance(header, bytes) else header or "e30="}

    @staticmethod
    def _json(response: "Response") -> Any:
        return response.json() if response.content else None


def parameters(query: Mapping[str, Any]) -> dict[str, Any]:
    """A query string's parameters: switches as 1, filters as docker writes them, what is not set left out."""
    found: dict[str, Any] = {}
    for key, value in query.items():
        if value is None or value is False or value == "" or value == () or value == {}:
            continue
        if value is True:
            found[key] = "1"
        elif key == "filters":
            found[key] = json.dumps(value, separators=(",", ":"))
        else:
            found[key] = list(value) if isinstance(value, tuple) else str(value)
    return found


def filters(texts: tuple[str, ...]) -> dict[str, dict[str, bool]]:
    """``--filter`` texts as the API's form, keys in order."""
    found: dict[str, dict[str, bool]] = {}
    for text in texts:
        key, equals, value = text.partition("=")
        if not equals:
            raise click.BadParameter(
                f'invalid argument "{text}" for "-f, --filter" flag: bad format of filter'
            )
        found.setdefault(key.strip().lower(), {})[value.strip()] = True
    return dict(sorted(found.items()))


def name_in_path(name: str) -> str:
    """A name as one part of a path; names may hold spaces and slashes."""
    return quote(name, safe="")


pass_client = click.make_pass_decorator(Client)
"""Decorator: the command's first argument is the Client."""
