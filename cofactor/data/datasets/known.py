"""Known data sets: their addresses, checksums and licences."""

from dataclasses import dataclass

ADDRESS = "https://files.grouplens.org/datasets/movielens/{name}.zip"
LICENCE = (
    "GroupLens allows research use, asks to be cited (Harper and Konstan 2015, The MovieLens Datasets, "
    "doi:10.1145/2827872) and forbids redistribution and commercial use without permission; see its README"
)


@dataclass(frozen=True)
class Dataset:
    """A data set that can be downloaded by name."""

    name: str
    about: str
    address: str
    md5: str | None  # as published with the zip; None where the zip changes over time
    licence: str = LICENCE


def _movielens(name: str, about: str, md5: str | None) -> Dataset:
    return Dataset(name, about, ADDRESS.format(name=name), md5)


DATASETS: dict[str, Dataset] = {
    dataset.name: dataset
    for dataset in (
        _movielens("ml-100k", "100,000 ratings, 943 users, 1,682 films", "0e33842e24a9c977be4e0107933c0723"),
        _movielens("ml-1m", "1,000,209 ratings, 6,040 users, 3,706 films", "c4d9eecfca2ab87c1945afe126590906"),
        _movielens("ml-10m", "10,000,054 ratings, 69,878 users, 10,677 films", "ce571fd55effeba0271552578f2648bd"),
        _movielens("ml-20m", "20,000,263 ratings, 138,493 users, 26,744 films", "cd245b17a1ae2cc31bb14903e1204af3"),
        _movielens("ml-25m", "25,000,095 ratings, 162,541 users, 59,047 films", "6b51fb2759a8657d3bfcbfc42b592ada"),
        _movielens("ml-32m", "32,000,204 ratings, 200,948 users, 84,432 films", "d472be332d4daa821edc399621853b57"),
        _movielens("ml-latest-small", "about 100,000 ratings, 600 users; changes over time", None),
    )
}
