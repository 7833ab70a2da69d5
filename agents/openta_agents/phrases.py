"""The sentences of the built-in answerer, in English and Indonesian."""

from __future__ import annotations

from dataclasses import dataclass

from openta_agents.language import Language


@dataclass(frozen=True, slots=True)
class Phrases:
    """What the answerer says around the sentences of papers, in one language.

    Attributes:
        following: Opens the answer to a follow-up; takes `topic`.
        closest: Opens sentences that may not be what was asked for.
        quoting: Puts a sentence of another language; takes `sentence`.
        listing: Opens a list of papers; takes `topic`.
        comparing: Opens what each paper says of what is compared.
        written: Says who wrote a paper, and when; takes `title`, `authors`, `year`.
        joining: Joins the last two authors.
        others: Stands for the authors after the first three.
        see_also: Opens the titles of papers that speak of the same.
        nothing: Says that no paper matches.
        pleased: Answers thanks and greetings.
        papers_only: Says that without a model there is no answer from general knowledge.
    """

    following: str
    closest: str
    quoting: str
    listing: str
    comparing: str
    written: str
    joining: str
    others: str
    see_also: str
    nothing: str
    pleased: str
    papers_only: str


_ENGLISH = Phrases(
    following="Following up on {topic}: ",
    closest="The closest that the catalogue has is this: ",
    quoting="{sentence}",
    listing="These papers of the catalogue are the closest to {topic}:",
    comparing="This is what the catalogue says of each:",
    written="{title} was written by {authors} ({year})",
    joining=" and ",
    others=" and others",
    see_also="See also ",
    nothing="Nothing in the catalogue matches this question.",
    pleased="Glad to help: ask me anything about the papers of the catalogue.",
    papers_only=(
        "No model is set, so only the papers of the catalogue can answer, and this question asks "
        "to leave them out."
    ),
)
_INDONESIAN = Phrases(
    following="Melanjutkan {topic}: ",
    closest="Yang paling dekat di katalog adalah ini: ",
    quoting="Dalam bahasa Inggris, katalog menulis: “{sentence}”",
    listing="Makalah di katalog yang paling dekat dengan {topic}:",
    comparing="Inilah yang ditulis katalog tentang masing-masing:",
    written="{title} ditulis oleh {authors} ({year})",
    joining=" dan ",
    others=" dan lain-lain",
    see_also="Lihat juga ",
    nothing="Tidak ada makalah di katalog yang cocok dengan pertanyaan ini.",
    pleased="Senang membantu: silakan bertanya apa saja tentang makalah di katalog.",
    papers_only=(
        "Tidak ada model yang dipasang, jadi hanya makalah di katalog yang dapat menjawab, dan "
        "pertanyaan ini meminta jawaban tanpa makalah."
    ),
)


def phrases_in(language: Language) -> Phrases:
    """Give the sentences of a language."""
    return _INDONESIAN if language is Language.INDONESIAN else _ENGLISH
