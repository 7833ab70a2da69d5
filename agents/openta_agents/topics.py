"""The handful of topics the built-in answerer knows, until it reads papers."""

from __future__ import annotations

import re
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Topic:
    """What is known of one topic.

    Attributes:
        name: What people call it, in the singular.
        definition: What it is, in one sentence.
        example: One example, in one sentence.
    """

    name: str
    definition: str
    example: str

    def is_named_in(self, text: str) -> bool:
        """Say whether the text speaks of it, in the singular or plural."""
        return re.search(rf"\b{self.name}s?\b", text, re.IGNORECASE) is not None


TOPICS = (
    Topic(
        "machine learning",
        "Machine learning lets a program improve at a task from data, "
        "instead of following rules that someone wrote down.",
        "a mail filter that learns from messages marked as spam to recognise the next one.",
    ),
    Topic(
        "neural network",
        "A neural network is a stack of simple weighted sums and thresholds, "
        "whose weights are learned from data.",
        "a network that reads the pixels of a handwritten digit and names the digit.",
    ),
    Topic(
        "reinforcement learning",
        "Reinforcement learning finds a way to act by trial and error, "
        "guided by rewards instead of by right answers.",
        "a program that plays a board game against itself, and keeps the moves that won.",
    ),
    Topic(
        "transformer",
        "A transformer is a neural network in which every word of a text weighs, by attention, "
        "how much each other word matters to it.",
        "a translator that looks at the whole sentence to decide what its pronoun stands for.",
    ),
    Topic(
        "information retrieval",
        "Information retrieval finds and ranks, in a large collection, "
        "the documents that serve a question.",
        "a library search that ranks papers by how often, and how rarely elsewhere, "
        "they use the words asked for.",
    ),
)


def topic_of(text: str) -> Topic | None:
    """Give the topic that the text names, the longest name first; None where it names none."""
    named = [topic for topic in TOPICS if topic.is_named_in(text)]
    return max(named, key=lambda topic: len(topic.name), default=None)
