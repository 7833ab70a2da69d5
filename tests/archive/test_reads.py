"""What is read from the archive: the latest, the pages before, an owner's, and deletions."""

from __future__ import annotations

import pytest
from langchain_core.messages import AIMessage, HumanMessage, SystemMessage, ToolMessage
from support.archives import AT, MS, batch, raws, rows, using

from openta_memory.archive import Archive, Batch, Cleared


@pytest.mark.parametrize(
    ("limit", "expected"), [(0, 0), (1, 1), (3, 3), (6, 6), (50, 6), (None, 6)]
)
def test_a_snapshot_holds_the_latest_messages_up_to_its_limit(
    url: str, limit: int | None, expected: int
) -> None:
    batches = [batch(number) for number in (1, 2, 3)]

    async def work(archive: Archive) -> None:
        await archive.write(batches)
        snapshot = await archive.snapshot("c", limit)
        assert snapshot is not None
        assert snapshot.records == raws(batches)[6 - expected :]
        assert (snapshot.metadata.seq, snapshot.metadata.length) == (6, expected)

    using(url, work)


def test_an_unknown_conversation_has_no_snapshot_and_empty_pages(url: str) -> None:
    async def work(archive: Archive) -> None:
        assert await archive.snapshot("c", None) is None
        assert await archive.page("c", None, 10) == []
        assert [page async for page in archive.pages("c", 10)] == []
        assert await archive.conversations("u") == []

    using(url, work)


def test_a_conversation_that_was_only_created_has_an_empty_snapshot(url: str) -> None:
    async def work(archive: Archive) -> None:
        await archive.write([Batch("c", "u", MS, AT, ())])
        snapshot = await archive.snapshot("c", 10)
        assert snapshot is not None
        assert (snapshot.records, snapshot.metadata.owner) == ((), "u")

    using(url, work)


def test_pages_backwards_meet_every_message_once(url: str) -> None:
    batches = [batch(number) for number in range(1, 11)]

    async def work(archive: Archive) -> None:
        await archive.write(batches)
        found: list[tuple[int, bytes]] = []
        before = None
        while page := await archive.page("c", before, 3):
            found = page + found
            before = page[0][0]
        assert tuple(found) == raws(batches)

    using(url, work)


@pytest.mark.parametrize("limit", [1, 3, 8, 100])
def test_pages_forwards_meet_every_message_once_whatever_the_numbers(url: str, limit: int) -> None:
    # Given numbers with gaps, provisional ones, and some that stand twice
    written = [batch(1), batch(2, first=20), *(batch(n, first=2**40 + 1) for n in (3, 4, 5))]

    async def work(archive: Archive) -> None:
        await archive.write(written)
        pages = [page async for page in archive.pages("c", limit)]
        assert all(len(page) == limit for page in pages[:-1])
        found = [record for page in pages for record in page]
        assert [seq for seq, _ in found] == sorted(seq for seq, _ in raws(written))
        assert sorted(found) == sorted(raws(written))
        assert found == await archive.page("c", None, 100)

    using(url, work)


async def counts(archive: Archive) -> tuple[int, int]:
    (found,) = await rows(
        archive,
        "SELECT (SELECT count(*) FROM conversations) AS c, (SELECT count(*) FROM messages) AS m",
    )
    return found["c"], found["m"]


def test_a_purge_removes_what_is_older_and_tells_how_many(url: str) -> None:
    async def work(archive: Archive) -> None:
        # Given conversations of different ages, one of them cleared long ago
        await archive.write([batch(n, of=f"c{n}") for n in range(1, 6)])
        await archive.write([Cleared("gone", AT + 1_000_000)])
        # When those last used before the fourth are purged
        assert await archive.purge(MS + 4) == 3
        # Then the rest is there, and no trace of the others
        assert await counts(archive) == (2, 4)
        assert await archive.purge(MS + 4) == 0

    using(url, work)


async def said(archive: Archive) -> list[dict[str, object]]:
    return await rows(
        archive,
        "SELECT question, answer, sources FROM conversation_messages "
        "WHERE conversation_id = 'c' ORDER BY timestamp, id",
    )


def test_the_view_has_a_row_a_turn_with_its_last_answer_and_sources(url: str) -> None:
    # Given a greeting, a turn with a tool and several answers, one without answer, one of blocks
    call = {"name": "search", "args": {}, "id": "t1"}
    batches = [
        batch(1, [SystemMessage("be kind", id="s"), AIMessage("hello", id="a0")], first=1),
        batch(
            2,
            [
                HumanMessage("what is ML?", id="q1"),
                AIMessage("let me look", id="a1", additional_kwargs={"sources": ["old"]}),
                AIMessage("", id="a2", tool_calls=[call]),
                ToolMessage("found", tool_call_id="t1", id="t1"),
                AIMessage("it learns", id="a3", additional_kwargs={"sources": ["P1", "P2"]}),
                AIMessage("", id="a4", tool_calls=[call]),
            ],
            first=3,
        ),
        batch(3, [HumanMessage("still there?", id="q2")], first=9),
        batch(
            4,
            [
                HumanMessage([{"type": "text", "text": "and "}, "this?"], id="q3"),
                AIMessage([{"type": "text", "text": "yes"}, {"type": "image"}], id="a5"),
            ],
            first=10,
        ),
        batch(2, of="other"),
    ]

    async def work(archive: Archive) -> None:
        await archive.write(batches)
        # Then the view has three rows of this conversation
        assert await said(archive) == [
            {"question": "what is ML?", "answer": "it learns", "sources": '["P1","P2"]'},
            {"question": "still there?", "answer": None, "sources": None},
            {"question": "and this?", "answer": "yes", "sources": None},
        ]

    using(url, work)


def test_the_view_tells_when_the_question_was_stored(url: str) -> None:
    async def work(archive: Archive) -> None:
        await archive.write([batch(1)])
        (found,) = await rows(archive, "SELECT id, timestamp FROM conversation_messages")
        assert found["id"] == "q1"
        assert str(found["timestamp"]).replace(" ", "T").startswith("2023-11-14T22:13:20.001")

    using(url, work)


def test_records_of_langchains_own_form_are_told_in_sql_too(url: str) -> None:
    own = b'{"type":"human","data":{"content":"old","type":"human","id":"h"}}'

    async def work(archive: Archive) -> None:
        await archive.write([Batch("c", None, MS, AT, ((1, own),))])
        (found,) = await rows(archive, "SELECT type, text, message_id FROM messages")
        assert found == {"type": "human", "text": "old", "message_id": "h"}

    using(url, work)
