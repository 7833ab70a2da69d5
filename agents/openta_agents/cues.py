"""How a question shows that it leans on what was said before it, in English and Indonesian."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from openta_agents.stopwords import ENGLISH, INDONESIAN


def _set(text: str) -> frozenset[str]:
    return frozenset(text.split())


# Kinds of things: "that method" leans, and "method" alone names no subject.
_WRITINGS = _set(
    "paper papers article articles author authors study studies idea ideas result results "
    "experiment experiments work works topic topics concept concepts term terms subject answer "
    "answers question source sources finding findings way ways point part case makalah artikel "
    "penulis penulisnya ide gagasan hasil percobaan topik konsep istilah jawaban pertanyaan sumber "
    "karya penelitian cara hal waktu"
)
_KINDS = _WRITINGS | _set(
    "method methods model models approach approaches technique techniques algorithm algorithms "
    "system systems metode pendekatan teknik algoritma sistem"
)
# What is asked of a subject, and is none; `_ASKED` tells nothing to a search either.
_ASKED = _set(
    "example examples instance detail details practice summary reason reasons meaning definition "
    "real life real-life real-world world concrete simple simply simpler short shortly briefly "
    "bit deeper longer lot word words terms elaborate continue clarify illustrate summarize "
    "summarise rephrase expand compare different differ difference differences sure true really "
    "introduced invented wrote written proposed published publish year came come cite read first "
    "second third fourth fifth last previous former latter two three four five important matter "
    "matters help useful exactly actually basically usually okay alternatives alternative similar "
    "contoh contohnya contoh-contoh rinci rincian detail singkat singkatnya ringkas ringkasan "
    "praktik praktiknya prakteknya nyata nyatanya sederhana alasan alasannya penjelasan lanjut "
    "lanjutkan teruskan terus penting pertama kedua ketiga keempat kelima terakhir tadi bedanya "
    "beda perbedaan perbedaannya begitu gitu gimana lengkap lengkapnya jelas jelaskan terangkan "
    "discuss discusses discussed talk talks cover covers membahas bahas dibahas isi isinya bicara "
    "diusulkan diperkenalkan mengusulkan menulis ditulis tahun penerapannya"
)
_ASPECTS = _set(
    "advantage advantages disadvantage disadvantages drawback drawbacks limitation limitations "
    "benefit benefits application applications pros cons strengths weaknesses history purpose "
    "kelebihan kelebihannya kekurangan kekurangannya manfaat manfaatnya kegunaan kegunaannya "
    "keunggulan keunggulannya kelemahan kelemahannya tujuan tujuannya fungsinya penerapan sejarah"
)
_SOCIAL = _set(
    "thanks thank thx hello hi hey ok okay great nice cool good fine yes no yep sure bye morning "
    "evening afternoon you much very so a lot for the help ya tidak terima kasih makasih halo hai "
    "baik oke selamat pagi siang sore malam sip mantap sekali banyak"
)
_FILLING = _set("you much very so a lot for the help ya banyak sekali")
_SMALL = _set(
    "s t re ve ll d m not i'm back there here people someone somebody anyone maybe perhaps "
    "now today still sort kind kinds type types tell happen happens happened ask asked wonder "
    "why where when who how what seberapa berapa sih dong deh kok nih kan pak bu apakah itu ini "
    "boleh minta kali saja"
)
# What is done to or by a subject, in the forms that a follow-up puts it: "memperkenalkannya".
_ACTS = re.compile(
    r"(?:memper|diper)kenalkan(?:nya)?|(?:menulis|ditulis|menerbit|diterbit|mengusul|diusul"
    r"|menjelas|dijelas|mempublikasi|dipublikasi|menemu|ditemu|mencipta|dicipta)(?:kan)?(?:nya)?"
    r"|(?:mengatasi|diatasi|membuat|dibuat|menyebabkan|disebabkan|terjadi|terbit)(?:nya)?"
    r"|introduces?|introducing|propos(?:es?|ing)|publish(?:es|ing)"
)
_FUNCTION = ENGLISH | INDONESIAN | _SMALL
_NO_SUBJECT = _FUNCTION | _KINDS | _ASKED | _ASPECTS
_NOT_SEARCHED = _FUNCTION | _ASKED | _WRITINGS

_DEGREES = _set("how more most so too very seberapa berapa lebih paling sangat cukup")
_OPENERS = _set(
    "how why where when who whom whose which that before after because since while although if "
    "unless whether until "
    "bagaimana gimana mengapa kenapa kapan siapa ketika saat karena sebab jika kalau apabila agar "
    "supaya sehingga apakah di-mana"
)
_PRONOUNS = _set("it they them he she him dia ia mereka beliau")
_POSSESSIVES = _set("its their his her itself themselves")
_JOINING = _set("and or but dan atau tetapi tapi serta")
_BEFORE_THAT = _set(
    "is was are were does do did can could will would should of about for with like from to in by "
    "on after before than why how around at"
)
_TIMES = _set("year week month century decade day days morning time saat hari tahun minggu bulan")
_NO_PRONOUN = _set(
    "misalnya sebenarnya biasanya umumnya akhirnya hanya tanya bertanya punya mempunyai adanya "
    "seharusnya sebaiknya khususnya terutamanya selanjutnya lainnya banyaknya pastinya tentunya "
    "rupanya sepertinya setidaknya sekiranya seandainya sesungguhnya pokoknya nya bertanya-tanya"
)
# With these, what comes next can be what they speak of: "contohnya overfitting".
_OF_THE_NEXT = _set(
    "bedanya pentingnya perlunya gunanya fungsinya artinya maksudnya contohnya kelebihannya "
    "kekurangannya namanya manfaatnya tujuannya perannya perbedaannya kegunaannya kelemahannya "
    "keunggulannya singkatnya"
)
_OF = _set("dari daripada tentang mengenai antara")

_KIND = "|".join(sorted(_KINDS))
_AFTER_KIND = r"(?! (?:of|on|about|to|that|which|for|in|by|called|behind|from|tentang|dari)\b)"
_NTH = "first|second|third|fourth|fifth|sixth|last|next|other|former|latter|1st|2nd|3rd|[4-9]th"
_PHRASES = re.compile(
    rf"\b(?:the (?:{_KIND})\b{_AFTER_KIND}"
    rf"|the (?:{_NTH}) (?:ones?|two|three|{_KIND})\b{_AFTER_KIND}|the (?:{_NTH}|two|both)$"
    r"|(?:another|other|similar|such) (?:ones?|" + _KIND + r")$"
    r"|which ones?\b|the (?:former|latter)\b|both of"
    r"|(?:none|one|some|any|all|most|each|which|either|neither|two) of (?:them|these|those)\b"
    r"|you (?:just )?(?:said|mentioned|described|explained|listed|named)\b"
    r"|(?:your|the) (?:previous|last|earlier) (?:answer|example|question|point)"
    r"|(?:tell me|explain|say) more$|what else\b(?! is)|go on\b|even more\b"
    r"|yang mana(?:kah)?\b|yang (?:pertama|kedua|ketiga|keempat|kelima|terakhir|tadi)\b(?! kali)"
    r"|keduanya\b|kedua(?: \S+)? (?:itu|ini)\b|tersebut\b|lebih (?:lanjut|rinci|detail)$"
    r"|kalau begitu\b|selain itu\b)"
)
_ABOUT = re.compile(
    r"^(?:(?:ok|okay|oke|so|and|but|then|dan|lalu|terus|nah|tapi|well) )*"
    r"(?:what about|how about|what of|what if|bagaimana dengan|bagaimana kalau|gimana kalau"
    r"|gimana dengan|kalau|untuk) "
)
_FRAGMENT = re.compile(
    r"^(?:and|but|or|dan|lalu|tapi|atau|terus)(?: then)? (?!what|how|why|when|where|who|which|is"
    r"|are|was|were|do|does|did|can|could|will|would|should|tell|give|explain|describe|show|define|list"
    r"|compare|apa|bagaimana|gimana|mengapa|kenapa|kapan|siapa|mana|di mana|berapa|jelaskan|beri"
    r"|berikan|sebutkan|tolong|ceritakan|seberapa|apakah|bandingkan)"
)
_A_BIGGER_ONE = re.compile(r"\b(?:an?|the|another)(?: \S+){0,2} ones?$")
# A thing to do, and nothing to do it with: "What should I watch out for?".
_WITHOUT_OBJECT = re.compile(
    r"^(?:what|where|when|how|why) (?:should|can|do|must|could|would) (?:i|we|you|one|people) \S+"
    r"(?: (?:out|up|with|for|about|to|in|on|at|from|off|next|first))*$"
)
_EMPTY_IT = re.compile(
    r"\bit (?:is |was )?(?:(?:really|still|always|ever|also) )?(?:possible|true|necessary|important"
    r"|better|best|hard|easy|safe|worth|useful|enough|common|means?|takes?|matters?)"
    r" (?:to|that|for|if|when)\b"
)
_OF_A_KIND = re.compile(
    rf"^(?:what (?:is|are|s)|define|apa itu|apa yang dimaksud(?: dengan)?)(?: an?)? (?:{_KIND})$"
)
_WHAT_IS = re.compile(r"^(?:what (?:is|are|s)|who (?:is|are)|apa itu|siapa itu) ")

# A question that names more than this before "that" has said what "that" is.
_TOLD = 3

_WORD = re.compile(r"[^\W_]+(?:-[^\W_]+)*")
_CLITIC = re.compile(r"(?:n['\u2019]t|['\u2019](?:s|re|ve|ll|d|m|t))\b", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Reading:
    """What a question shows by its own words.

    Attributes:
        subject: Its words that name a subject, in order.
        searched: Its words that a search can use, in order.
        leans: It can't be understood without what was said before.
        turns: It puts a new subject in the place of the one before: "what about X?".
    """

    subject: tuple[str, ...]
    searched: tuple[str, ...]
    leans: bool
    turns: bool


def read(question: str) -> Reading:
    """Read a question; case and punctuation do not matter."""
    spoken = words(question)
    lower = [word.lower() for word in spoken]
    line = " ".join(lower)
    subject = _kept(spoken, _NO_SUBJECT)
    turns = bool(_ABOUT.match(line) or _FRAGMENT.match(line))
    if _OF_A_KIND.match(line):
        return Reading(tuple(spoken[-1:]), tuple(spoken[-1:]), leans=False, turns=False)
    shown = _PHRASES.search(line) or _WITHOUT_OBJECT.match(line)
    leans = turns or not subject or bool(shown) or _refers(lower, line)
    leans = leans and not _SOCIAL.issuperset(lower)
    searched = _kept(spoken, _NOT_SEARCHED | _KINDS if leans else _NOT_SEARCHED)
    return Reading(subject, tuple(word.removesuffix("nya") for word in searched), leans, turns)


def is_small_talk(question: str) -> bool:
    """Say whether a question only greets, thanks or agrees: "ok", "terima kasih"."""
    spoken = {word.lower() for word in words(question)}
    return spoken <= _SOCIAL and not spoken <= _FILLING


def words(text: str) -> list[str]:
    """Give a text's words as they are written, without what is clipped on to them."""
    return _WORD.findall(_CLITIC.sub("", text))


def subject_of(text: str) -> tuple[str, ...]:
    """Give a text's words that name a subject, in order."""
    return _kept(words(text), _NO_SUBJECT)


def _kept(spoken: Sequence[str], dropped: frozenset[str]) -> tuple[str, ...]:
    return tuple(
        word
        for word in spoken
        if not dropped.issuperset({word.lower()})
        and not dropped.issuperset(word.lower().split("-"))
        if not _is_pronoun_form(word.lower()) and not _ACTS.fullmatch(word.lower())
    )


def _is_pronoun_form(word: str) -> bool:
    return word in _PRONOUNS or word in _POSSESSIVES or word in _NO_PRONOUN or word in _OF_THE_NEXT


def _refers(lower: Sequence[str], line: str) -> bool:
    """Say whether a word points out of the question."""
    one = _A_BIGGER_ONE.search(line)
    if one and _first_named(lower, len(line[: one.start()].split())) is None:
        return True
    empty = _EMPTY_IT.search(line)
    skipped = len(line[: empty.start()].split()) if empty else -1
    return any(at != skipped and _points_out(lower, at) for at in range(len(lower)))


def _points_out(lower: Sequence[str], at: int) -> bool:
    word = lower[at]
    if word in _PRONOUNS or word in _POSSESSIVES:
        return not _inside(lower, at, owns=word in _POSSESSIVES)
    if word in {"this", "these", "those", "that"}:
        return _demonstrates(lower, at)
    if word in {"itu", "ini"}:
        return _demonstrates_id(lower, at)
    return word.endswith("nya") and word not in _NO_PRONOUN and _suffixed(lower, at)


def _demonstrates(lower: Sequence[str], at: int) -> bool:
    word, after = lower[at], _at(lower, at + 1)
    if word == "that":
        told = sum(_names(lower, i) for i in range(at)) > _TOLD
        before = _at(lower, at - 1) in _BEFORE_THAT and after not in {"the", "a", "an"}
        return not told and (not after or before or after in _KINDS or after in {"one", "kind"})
    return after not in _TIMES and not (word == "those" and after in {"who", "that", "which"})


def _demonstrates_id(lower: Sequence[str], at: int) -> bool:
    before, after = _at(lower, at - 1), _at(lower, at + 1)
    if before in {"apa", "siapa"} and after:
        return False
    if before in _TIMES and lower[at] == "ini":
        return False
    named = [word for word in lower[:at] if word not in _NO_SUBJECT]
    return not (before in named and (len(named) > 1 or after in {"apa", "siapa"}))


def _suffixed(lower: Sequence[str], at: int) -> bool:
    """Say whether the ending -nya of a word points out of the question."""
    word, after = lower[at], _at(lower, at + 1)
    if after in _OF or (word in _OF_THE_NEXT and after and after not in _FUNCTION):
        return False
    acted_on = re.match(r"(?:me|di|ber|oleh|dengan|pada|untuk|dari|bagi)\w{2,}nya$|olehnya", word)
    return not _inside(lower, at, owns=not acted_on)


def _inside(lower: Sequence[str], at: int, *, owns: bool) -> bool:
    """Say whether a pronoun stands for something that its own question names before it."""
    named = _first_named(lower, at)
    if named is None:
        return False
    if lower[at] in {"they", "he", "she"} and lower[at - 1] not in _FUNCTION:
        return True
    joined = _at(lower, at - 1) in _JOINING
    asked_of = _at(lower, at - 1) in _BEFORE_THAT and bool(_WHAT_IS.match(" ".join(lower)))
    return owns or joined or asked_of or not _OPENERS.isdisjoint(lower[named + 1 : at])


def _first_named(lower: Sequence[str], before: int) -> int | None:
    return next((at for at in range(before) if _names(lower, at)), None)


def _names(lower: Sequence[str], at: int) -> bool:
    before = _at(lower, at - 1)
    named = lower[at] not in _NO_SUBJECT or (lower[at] in _KINDS and before in {"a", "an"})
    return named and before not in _DEGREES


def _at(lower: Sequence[str], at: int) -> str:
    return lower[at] if 0 <= at < len(lower) else ""
