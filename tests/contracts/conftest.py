from collections.abc import Iterator

import pytest

from tests.servers import start_redis, stop


@pytest.fixture(scope="session")
def redis_url(tmp_path_factory) -> Iterator[str]:
    url, process = start_redis(tmp_path_factory.mktemp("redis"))
    yield url
    stop(process)
