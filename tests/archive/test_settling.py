"""What was written past Redis stays to be reloaded until Redis forgot it after."""

from __future__ import annotations

from support.archives import MS, record, turn, using

from openta_memory.archive import Archive


def test_a_reload_that_is_late_leaves_what_was_written_since_to_the_next(url: str) -> None:
    records = [[record(message, MS) for message in turn(number)] for number in range(3)]

    async def work(archive: Archive) -> None:
        # Given two reloads that know of the same change, one of which is done with it
        await archive.append("c", None, records[0])
        known = await archive.ahead(10)
        await archive.settle(known)
        assert await archive.ahead(10) == {}
        # When it is written to again, and the other one is late
        await archive.append("c", None, records[1])
        await archive.settle(known)
        # Then it still is to be reloaded, and its numbers are settled
        assert list(await archive.ahead(10)) == ["c"]
        await archive.append("c", None, records[2])
        await archive.settle(await archive.ahead(10))
        assert await archive.ahead(10) == {}
        assert [seq for seq, _ in await archive.page("c", None, 10)] == [1, 2, 3, 4, 5, 6]

    using(url, work)
