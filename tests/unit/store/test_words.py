"""What a store's refusals and silences say to a reader."""

import aiohttp
import pytest

from seaway.errors import Forbidden
from seaway.store.etcd_gateway import Refused
from seaway.store.words import why
from tests.stores.rig import free_port


async def test_who_does_not_listen_is_told_in_the_kernels_words() -> None:
    port = free_port()
    async with aiohttp.ClientSession() as session:
        with pytest.raises(aiohttp.ClientConnectorError) as caught:
            await session.get(f"http://127.0.0.1:{port}/")
    assert why(caught.value) == f"127.0.0.1:{port}: Connection refused"


def test_what_has_no_words_is_named() -> None:
    assert why(TimeoutError()) == "no answer in time"
    assert why(aiohttp.ServerDisconnectedError()) == "Server disconnected"
    assert why(ConnectionResetError()) == "ConnectionResetError"


def test_a_certificate_with_a_common_name_beside_a_user_is_a_refusal_with_its_cure() -> None:
    words = "HTTP 400: CommonName of client sending a request against gateway will be ignored"
    told = Refused(12, words).told("etcd://10.0.0.5:2379")
    assert isinstance(told, Forbidden) and "/O=seaway" in str(told)
