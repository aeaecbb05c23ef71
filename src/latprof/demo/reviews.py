"""The inputs of the demo: movie reviews of our own making, the same ones for the same seed.

Films, people and sentences are invented. A review is a shuffle of whole sentences (the story, what
the writer thought of it, a verdict), each used once, so that a long review reads like a long review
and not like a short one repeated. Lengths go from one line to about 600 words, most of them near
120, which is how reviews on the web are spread.
"""

from __future__ import annotations

import math
import random
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["reviews"]

SHORTEST_WORDS = 6
LONGEST_WORDS = 600
MEDIAN_WORDS = 120
SPREAD = 0.9  # of the logarithm of the length: a review in six is over 300 words, a few reach 600
PARAGRAPH_SENTENCES = 6

_TITLES = (
    "The Lantern Keeper",
    "Salt Roads",
    "A Door in Winter",
    "Nine Quiet Men",
    "Paper Harbour",
    "The Last Ferry to Orlen",
    "Midnight Orchard",
    "Copper Sky",
    "The Beekeeper's Daughter",
    "Borrowed Thunder",
    "Iron Lullaby",
    "Second Cousin of the Moon",
    "What the River Kept",
    "Platform Twelve",
    "Glass Tigers",
    "The Cartographer",
)
_PEOPLE = (
    "Marta Oduya",
    "Henrik Vale",
    "Ines Calloway",
    "Tobias Renn",
    "Priya Sandoval",
    "Oskar Lindqvist",
    "Dalia Frost",
    "Emeka Hart",
    "Lucille Brandt",
    "Jun Takeda",
    "Rosalind Peake",
    "Viktor Amsel",
)
_GENRES = (
    "drama",
    "thriller",
    "western",
    "rom-com",
    "sci-fi picture",
    "heist film",
    "ghost story",
    "war film",
    "musical",
    "family adventure",
    "crime story",
    "road movie",
)
_PLACES = (
    "a fishing village",
    "a mining town in the far north",
    "a crumbling hotel",
    "the suburbs of a city without a name",
    "a lighthouse",
    "a travelling circus",
    "a space station",
    "an island that the map forgot",
    "a border post",
    "a boarding school",
)
_HEROES = (
    "a retired detective",
    "a young pianist",
    "a widowed farmer",
    "two estranged brothers",
    "a nervous bank clerk",
    "a runaway apprentice",
    "an exiled surgeon",
    "a taxi driver",
    "a failed magician",
    "a stubborn grandmother",
)
_TROUBLES = (
    "a debt that cannot be paid",
    "a letter that arrives forty years late",
    "a storm that cuts the telephone lines",
    "a stranger with a familiar face",
    "a body under the ice",
    "a bet that gets out of hand",
    "an inheritance nobody wants",
    "a secret from the war",
    "a map with one street too many",
    "a child who will not speak",
)
_COMPANIONS = (
    "my sister",
    "my wife",
    "my husband",
    "two friends",
    "my father",
    "a colleague",
    "my teenage son",
)
_GOOD = (
    "wonderful",
    "superb",
    "beautiful",
    "brilliant",
    "delightful",
    "moving",
    "terrific",
    "gripping",
    "marvellous",
    "excellent",
    "touching",
    "perfect",
)
_BAD = (
    "awful",
    "dull",
    "terrible",
    "lifeless",
    "boring",
    "dreadful",
    "clumsy",
    "pointless",
    "tedious",
    "laughable",
    "horrible",
    "poor",
)
_WORDS = {
    "title": _TITLES,
    "genre": _GENRES,
    "place": _PLACES,
    "hero": _HEROES,
    "trouble": _TROUBLES,
    "companion": _COMPANIONS,
}

_STORY = (
    "{title} is a {genre} set in and around {place}, and it takes its time to say so.",
    "The story follows {hero} and {trouble}.",
    "I saw it on a rainy Tuesday with {companion}.",
    "{lead} plays the main part, with {second} somewhere in the background.",
    "It was directed by {director}, whose earlier films I only know by name.",
    "Most of it happens in one night, the rest in what people remember of that night.",
    "There is a prologue, two chapters and a song over the credits.",
    "About half an hour in, {second} turns up with a suitcase and a question.",
    "The first scene is a train window and a hand, and nobody speaks for three minutes.",
    "Without giving anything away, the second act moves to {other_place}.",
    "The cinema was half full, mostly couples and a few students at the back.",
    "It runs for a little over two hours, which is usual for a {genre} nowadays.",
    "Parts of it were shot on location, and the rest, btw, in a studio near the coast.",
    "The book it comes from sat on my shelf for years before I opened it.",
    "{director} made three films before this one, two of them for television.",
    "{second} has a dog in this film, and the dog has a name, and the name matters later.",
    "There are subtitles in some scenes, since half of the characters come from elsewhere.",
    "It is the kind of plot where a telephone rings and everybody looks at the floor.",
    "The sfx are a mix of old models and computer work, as far as I could tell.",
    "Later {lead} goes back to the house, finds the drawer empty, and sits down on the stairs.",
    "The poster in the lobby shows a boat, although there is hardly a boat in the film.",
    "I had read nothing about it before, apart from a short note in the newspaper.",
    "The music is by a small orchestra, and the main tune comes back four or five times.",
    "One long scene takes place at a dinner table, and the camera never leaves the soup.",
    "At the heart of it is {trouble}, and everything else is arranged around that.",
    "By then we have met the mayor, the baker, the baker's mother and a man called Fitch.",
    "The year is never named, but the cars and the coats suggest the late sixties.",
    "It is rated for twelve and over, and there is one scene with a knife.",
)
_PRAISE = (
    "{lead} is {good} in every single scene.",
    "I loved it from the first minute to the last.",
    "The script is {good}, full of lines that I have been quoting all week.",
    "What {a_good} film this is!",
    "The photography is {good}, with a light that I will remember for years.",
    "{second} gives the best performance of a long career, {good} and never showy.",
    "The ending is {good}, and I am not ashamed to say that I cried.",
    "Two hours went by like twenty minutes.",
    "The music is {good} and fits every mood of the story.",
    "{director} shows a sure hand and a great love for these people.",
    "The dialogue feels real, funny and warm, like people you would like to know.",
    "Every character gets a moment to shine, and every one of them takes it.",
    "It is one of the best films I have seen in a long time.",
    "I laughed out loud, then I had a lump in my throat, sometimes in the same scene.",
    "The pacing is {good}: not a minute is wasted, and yet nothing is rushed.",
    "Even {companion} enjoyed it just as much, and we talked about it all the way home.",
    "It is {a_good} story, told with great care and a lot of heart.",
    "The chemistry between {lead} and {second} is {good}.",
    "The sets are {good}, rich in detail and simply a pleasure to look at.",
    "I was amazed at how fresh and honest it feels.",
    "The last half hour is {good}, as tense and exciting as anything this year.",
    "The humour is gentle and clever, and it never hurts anybody.",
    "It stays with you, and it gets even better when you think about it.",
    "Imho this is {a_good} piece of work that deserves every prize it can get.",
    "Tbh I expected little, and I got {a_good} surprise.",
    "A rare treat for the eyes and the mind.",
    "Even the smallest parts are cast to perfection.",
    "I have seen it twice already, and I will gladly see it again.",
)
_BLAME = (
    "{lead} is {bad} in every single scene.",
    "I was bored from the first minute to the last.",
    "The script is {bad}, full of lines that no human being would ever say.",
    "What {a_bad} film this is!",
    "The photography is {bad}, so dark and muddy that you cannot tell who is talking.",
    "{second} looks as if the cheque had not arrived, {bad} and half asleep.",
    "The ending is {bad}, and it makes no sense at all.",
    "Two hours felt like five, and I kept looking at my watch.",
    "The music is {bad} and far too loud.",
    "{director} has no idea what to do with these people and does not seem to care.",
    "The dialogue is stupid, flat and annoying, and there is far too much of it.",
    "Not one character is believable, and I did not care what happened to any of them.",
    "It is one of the worst films I have seen in a long time.",
    "I did not laugh once, which is bad news for something that wants to be funny.",
    "The pacing is {bad}: nothing happens for an hour, and then it happens twice.",
    "Next to me {companion} fell asleep, and I was jealous.",
    "It is {a_bad} story, told without care, without wit and without a point.",
    "There is no chemistry at all between {lead} and {second}, and the romance is {bad}.",
    "The sets are {bad} and look like cardboard, because they are.",
    "I was annoyed at how cheap and fake it all feels.",
    "The last half hour is {bad}, a mess of shouting and bad effects.",
    "The jokes are old, mean and embarrassing.",
    "You forget it on the way out, and that is the kindest thing I can say.",
    "Imho this is {a_bad} piece of work that should have stayed in the drawer.",
    "Tbh I expected little, and I got even less.",
    "A complete waste of time and money.",
    "Even the smallest parts are badly cast and badly acted.",
    "I wanted to walk out twice, and I regret that I did not.",
)
_BALANCE = (
    "It is not without faults, but few films are.",
    "Others in the audience seemed to see it differently, which is their right.",
    "I can imagine that it plays another way on a small screen.",
    "Perhaps I was in a strange mood that evening.",
    "My opinion may change, it has done so before.",
    "Fans of the {genre} will know what they are in for.",
)
_GOOD_VERDICTS = (
    "Highly recommended.",
    "Do not miss it.",
    "This is {a_good} film, {grade_good}/10.",
    "Go and see it with somebody you love.",
    "{title} is simply {good}.",
    "An excellent {genre}, and a joy to watch.",
    "I give it {grade_good} out of 10.",
)
_BAD_VERDICTS = (
    "Avoid it.",
    "Do not waste your money.",
    "This is {a_bad} film, {grade_bad}/10.",
    "Stay at home and watch the washing machine instead.",
    "{title} is simply {bad}.",
    "It is {a_bad} {genre}, and a chore to sit through.",
    "I give it {grade_bad} out of 10.",
)
_OPINIONS = {"positive": _PRAISE, "negative": _BLAME}
_MOODS = ("positive", "negative")
_VERDICTS = {"positive": _GOOD_VERDICTS, "negative": _BAD_VERDICTS}


def reviews(count: int = 300, seed: int = 0) -> list[str]:
    """Write `count` movie reviews.

    The first reviews of a longer list are those of a shorter one with the same seed.

    Args:
        count: How many reviews.
        seed: Same seed, same reviews, on every machine.

    Returns:
        The texts, in random order of mood and length. Paragraphs are parted by "<br /><br />", as
        in reviews scraped from the web.
    """
    rng = random.Random(seed)  # noqa: S311 (texts, not secrets)
    return [_review(rng, rng.choice(_MOODS), _length_words(rng)) for _ in range(count)]


def _length_words(rng: random.Random) -> int:
    """About how long the next review is to be: log-normal, cut at both ends."""
    words = rng.lognormvariate(math.log(MEDIAN_WORDS), SPREAD)
    return round(min(max(words, SHORTEST_WORDS), LONGEST_WORDS))


def _review(rng: random.Random, mood: str, length_words: int) -> str:
    """One review in the given mood, of about `length_words` words."""
    film = _film(rng)
    verdict = _fill(rng, rng.choice(_VERDICTS[mood]), film)
    sentences: list[str] = []
    left = length_words - _count_words(verdict)
    for template in _outline(rng, mood):
        sentence = _fill(rng, template, film)
        left -= _count_words(sentence)
        if left < 0:
            break
        sentences.append(sentence)
    return "<br /><br />".join(_paragraphs([*sentences, verdict]))


def _film(rng: random.Random) -> dict[str, str]:
    """What a whole review must agree on: the title, who is in it, where it plays."""
    film = {slot: rng.choice(words) for slot, words in _WORDS.items()}
    film["lead"], film["second"], film["director"] = rng.sample(_PEOPLE, 3)
    film["other_place"] = rng.choice([place for place in _PLACES if place != film["place"]])
    return film


def _outline(rng: random.Random, mood: str) -> Iterator[str]:
    """Templates in the order in which the review uses them, none twice."""
    story = rng.sample(_STORY, len(_STORY))
    opinion = rng.sample(_OPINIONS[mood], len(_OPINIONS[mood]))
    balance = rng.sample(_BALANCE, len(_BALANCE))
    while story or opinion:
        # opinion first: a review of one or two sentences is all opinion
        yield from (pile.pop() for pile in (opinion, story) if pile)
        if balance and rng.random() < 0.1:
            yield balance.pop()


def _fill(rng: random.Random, template: str, film: dict[str, str]) -> str:
    """The sentence that a template makes with the film's names and adjectives of the moment."""
    good, bad = rng.choice(_GOOD), rng.choice(_BAD)
    taste = {"good": good, "a_good": _with_article(good), "grade_good": str(rng.randint(8, 10))}
    distaste = {"bad": bad, "a_bad": _with_article(bad), "grade_bad": str(rng.randint(1, 3))}
    return template.format_map(film | taste | distaste)


def _with_article(word: str) -> str:
    return f"an {word}" if word[0] in "aeiou" else f"a {word}"


def _count_words(sentence: str) -> int:
    return len(sentence.split())


def _paragraphs(sentences: list[str]) -> list[str]:
    """The sentences joined by spaces, PARAGRAPH_SENTENCES to a paragraph."""
    starts = range(0, len(sentences), PARAGRAPH_SENTENCES)
    return [" ".join(sentences[i : i + PARAGRAPH_SENTENCES]) for i in starts]
