"""Titles of synthetic films: unique, plausible, and determined by a seed."""

import numpy as np

from cofactor.arrays import Strings

# fmt: off
ADJECTIVES = (
    "Amber", "Ancient", "Bitter", "Black", "Blind", "Borrowed", "Brass", "Brave", "Broken", "Burning",
    "Careless", "Cold", "Copper", "Crimson", "Crooked", "Dancing", "Distant", "Double", "Drifting", "Dusty",
    "Early", "Electric", "Empty", "Endless", "Faithful", "Falling", "Fearless", "Final", "First", "Forgotten",
    "Fragile", "Frozen", "Gentle", "Gilded", "Glass", "Golden", "Green", "Grey", "Hidden", "Hollow", "Honest",
    "Hungry", "Idle", "Invisible", "Iron", "Ivory", "Last", "Laughing", "Little", "Lonely", "Long", "Lost",
    "Lucky", "Midnight", "Missing", "Narrow", "Northern", "Open", "Pale", "Paper", "Patient", "Perfect",
    "Quiet", "Reckless", "Restless", "Rising", "Roaming", "Rusty", "Sacred", "Scarlet", "Secret", "Seventh",
    "Shattered", "Silent", "Silver", "Sleeping", "Smiling", "Southern", "Stolen", "Stormy", "Strange", "Sudden",
    "Sunken", "Tender", "Third", "Thirsty", "Twisted", "Uncertain", "Velvet", "Wandering", "Western", "White",
    "Wicked", "Wild", "Winter", "Wooden", "Young",
)

NOUNS = (
    "Affair", "Alibi", "Angel", "Archive", "Arrow", "Avenue", "Ballad", "Bargain", "Bell", "Bridge", "Cabin",
    "Candle", "Captain", "Caravan", "Carnival", "Castle", "Circle", "Circus", "Clockmaker", "Coast", "Compass",
    "Corner", "Country", "Crossing", "Crown", "Dancer", "Daughter", "Detective", "Diary", "Door", "Dream",
    "Echo", "Empire", "Engine", "Escape", "Expedition", "Farewell", "Ferry", "Fiddler", "Forest", "Fortune",
    "Fox", "Frontier", "Game", "Garden", "Gardener", "Ghost", "Harbour", "Harvest", "Heart", "Horizon", "Hotel",
    "Hour", "House", "Hunter", "Island", "Journey", "Judge", "Key", "Kingdom", "Ladder", "Lantern", "Legend",
    "Letter", "Lighthouse", "Machine", "Magician", "Map", "Masquerade", "Melody", "Memory", "Messenger",
    "Mirror", "Moon", "Mountain", "Neighbour", "Night", "Oath", "Ocean", "Orchard", "Outlaw", "Parade",
    "Passenger", "Photograph", "Pilot", "Planet", "Promise", "Puzzle", "Queen", "Railway", "Rebellion",
    "Reunion", "Rival", "River", "Road", "Sailor", "Season", "Shadow", "Shepherd", "Signal", "Sister",
    "Soldier", "Stage", "Stranger", "Summer", "Tailor", "Theatre", "Thief", "Thunder", "Tower", "Traveller",
    "Treasure", "Valley", "Verdict", "Voyage", "Waltz", "Widow", "Window", "Witness", "Wolf", "Year",
)
# fmt: on

FORMS = ("The {0} {1}", "{0} {1}", "Her {0} {1}", "Return of the {0} {1}", "Beyond the {0} {1}", "My {0} {1}")
FIRST_YEAR, YEARS = 1925, 75  # before the first rating


def make_titles(n: int, random: np.random.Generator) -> Strings:
    """(n,) distinct titles with a year: "The Crimson Harbour (1987)"; with numbered sequels once all are used."""
    sizes = (len(FORMS), len(ADJECTIVES), len(NOUNS), YEARS)
    known = int(np.prod(sizes))
    codes = random.choice(known, size=min(n, known), replace=False)
    form, adjective, noun, year = (column.tolist() for column in np.unravel_index(codes, sizes))
    titles = [
        f"{FORMS[f].format(ADJECTIVES[a], NOUNS[b])} ({FIRST_YEAR + y})"
        for f, a, b, y in zip(form, adjective, noun, year, strict=True)
    ]
    for k in range(known, n):
        name, of_year = titles[k % known].rsplit(" (", 1)
        titles.append(f"{name} {1 + k // known} ({of_year}")
    return np.array(titles, dtype=object)
