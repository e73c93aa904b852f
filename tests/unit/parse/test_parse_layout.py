"""Words, regions and rules become blocks in reading order; no word is lost, none is told twice."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from fieldwise.parse.layout import Item, Region, arrange
from fieldwise.parse.lines import Run, around
from fieldwise.parse.markdown import Grid, Placed
from fieldwise.parse.rulings import Edges

CHARACTER, HEIGHT = 5.0, 10.0


def run(x: float, y: float, text: str, upright: bool = True) -> Run:
    words = []
    for word in text.split():
        words.append(Placed(word, x, y, x + CHARACTER * len(word), y + HEIGHT))
        x += CHARACTER * (len(word) + 0.5)
    return Run(tuple(words), around(words), upright)


def region(runs: list[Run], kind: str = "paragraph", level: int | None = None) -> Region:
    words = [word for its in runs for word in its.words]
    return Region(kind, around(words), level, " ".join(word.text for word in words))  # type: ignore[arg-type]


def words_of(item: Item) -> list[Placed]:
    if isinstance(item, Grid):
        return [word for cell in item.cells for line in cell.lines for word in line]
    return [word for line in item.lines for word in line]


def texts(items: list[Item]) -> list[str]:
    return [" ".join(word.text for word in words_of(item)) for item in items]


def rows_of(grid: Grid) -> list[list[str]]:
    rows = [[""] * grid.columns for _ in range(grid.rows)]
    for cell in grid.cells:
        rows[cell.row][cell.column] = " ".join(word.text for line in cell.lines for word in line)
    return rows


runs_anywhere = st.lists(
    st.builds(
        run,
        st.floats(0, 500),
        st.floats(0, 700),
        st.lists(st.sampled_from(["total", "12,50", "1", "€", "Name:", "(a)", "of"]), min_size=1, max_size=6).map(
            " ".join
        ),
        st.booleans(),
    ),
    max_size=30,
)
regions_anywhere = st.lists(
    st.builds(
        lambda kind, x, y, w, h, rows: Region(kind, (x, y, x + w, y + h), 1, "total of", rows),
        st.sampled_from(["paragraph", "heading", "list_item", "table"]),
        st.floats(0, 500),
        st.floats(0, 700),
        st.floats(10, 400),
        st.floats(10, 300),
        st.just(()) | st.just((((0.0, 0.0, 300.0, 300.0), None), (None, (300.0, 300.0, 600.0, 800.0)))),
    ),
    max_size=6,
)
rules = st.lists(st.tuples(st.floats(0, 700), st.floats(0, 300), st.floats(300, 700)), max_size=8).map(tuple)


@given(runs_anywhere, regions_anywhere, rules, rules)
def test_every_word_is_in_exactly_one_block(
    runs: list[Run],
    regions: list[Region],
    across: tuple[tuple[float, float, float], ...],
    down: tuple[tuple[float, float, float], ...],
) -> None:
    items = arrange(runs, regions, Edges(across, down))
    told = sorted(id(word) for item in items for word in words_of(item))
    assert told == sorted(id(word) for its in runs for word in its.words)
    assert all(words_of(item) for item in items)


def test_columns_are_read_one_after_the_other() -> None:
    left = [run(0, 20 * i, f"left line {i} of the text") for i in range(3)]
    right = [run(300, 20 * i, f"right line {i} of the text") for i in range(3)]
    mixed = [piece for pair in zip(left, right, strict=True) for piece in pair]
    items = arrange(mixed, [region(left), region(right)])
    assert [text.split()[0] for text in texts(items)] == ["left", "right"]


def test_columns_that_the_parser_took_for_one_text_are_parted() -> None:
    left = [run(0, 12 * i, "left hand lines of prose in short words") for i in range(6)]
    right = [run(300, 12 * i, "right hand lines of other prose beside") for i in range(6)]
    items = arrange([*left, *right], [region([*left, *right])])
    assert [text.split()[0] for text in texts(items)] == ["left", "right"]


def test_a_paragraph_over_a_column_break_goes_on_at_the_head_of_the_next_column() -> None:
    foot = [run(50, 700, "one sentence that begins"), run(50, 712, "at the foot")]
    head = [run(300, 60, "goes on up here"), run(300, 72, "and ends")]
    assert texts(arrange([*head, *foot], [region([*foot, *head])])) == [
        "one sentence that begins at the foot",
        "goes on up here and ends",
    ]


def test_labels_and_values_stay_side_by_side() -> None:
    labels = [run(0, 12 * i, "label of it") for i in range(6)]
    runs = [*labels, *(run(300, 12 * i, "value as words here") for i in range(6))]
    (item,) = arrange(runs, [region(runs)])
    assert texts([item])[0].startswith("label of it value as words here label of it")


def test_words_outside_all_regions_stand_where_they_are_on_the_page() -> None:
    top, middle, bottom = run(0, 0, "the first paragraph"), run(0, 100, "forgotten"), run(0, 200, "the last paragraph")
    items = arrange([top, bottom, middle], [region([top]), region([bottom])])
    assert texts(items) == ["the first paragraph", "forgotten", "the last paragraph"]


def test_a_stamp_along_the_margin_comes_last() -> None:
    body = [run(50, 12 * i, "a line of the body text") for i in range(4)]
    stamp = run(-200, 20, "arXiv:2407.08608v2 [cs.LG]", upright=False)
    items = arrange([body[0], stamp, *body[1:]], [region(body)])
    assert texts(items)[-1] == "arXiv:2407.08608v2 [cs.LG]"


def test_a_paragraph_torn_at_its_indent_is_whole_again_and_its_items_are_not_joined() -> None:
    first, rest = run(20, 0, "An indented first line of a paragraph"), run(0, 12, "goes on in the second line of it")
    item = run(0, 24, "2.2 Another clause begins right below")
    items = arrange([first, rest, item], [region([first]), region([rest]), region([item])])
    assert texts(items) == [
        "An indented first line of a paragraph goes on in the second line of it",
        "2.2 Another clause begins right below",
    ]


def test_a_sum_in_bold_is_no_heading() -> None:
    total, head = run(0, 0, "Total EUR 34,73"), run(0, 100, "Payment")
    items = arrange([total, head], [region([total], "heading", 1), region([head], "heading", 2)])
    assert [getattr(item, "kind", None) for item in items] == ["paragraph", "heading"]


def invoice() -> list[Run]:
    """Items without rules, with descriptions of several lines and a discount that few have."""
    rows = [run(0, 0, "Pos."), run(40, 0, "Description"), run(250, 0, "Discount"), run(320, 0, "Price")]
    rows += [run(380, 0, "Amount"), run(320, 11, "EUR"), run(380, 11, "EUR")]
    y = 35.0
    for n, (lines, discount) in enumerate(
        [(["Copper rivets", "8 gauge", "Item MT-077"], ""), (["Larch, planed"], "10 %"), (["Oakum", "5.50 a kilo"], "")]
    ):
        rows += [run(0, y, str(n + 1)), run(320, y, f"{n}3.50"), run(380, y, f"{n}7.00")]
        rows += [run(250, y, discount)] if discount else []
        for line in lines:
            rows.append(run(40, y, line))
            y += 11
        y += 6
    rows += [run(250, y, "Net"), run(380, y, "71.00")]
    return rows


def test_invoice_items_without_rules_are_rows_with_their_whole_descriptions() -> None:
    (grid,) = (item for item in arrange(invoice(), []) if isinstance(item, Grid))
    assert rows_of(grid) == [
        ["Pos.", "Description", "Discount", "Price EUR", "Amount EUR"],
        ["1", "Copper rivets 8 gauge Item MT-077", "", "03.50", "07.00"],
        ["2", "Larch, planed", "10 %", "13.50", "17.00"],
        ["3", "Oakum 5.50 a kilo", "", "23.50", "27.00"],
        ["", "", "Net", "", "71.00"],
    ]
    assert [cell.header for cell in grid.cells if cell.row < 2] == [True] * 5 + [False] * 4


def test_a_table_takes_its_words_from_regions_that_cut_through_it() -> None:
    runs = invoice()
    lumps = [region(runs[:9]), region(runs[9:14]), region(runs[14:])]
    items = arrange([run(0, -60, "Invoice 17"), *runs], [region([run(0, -60, "Invoice 17")]), *lumps])
    assert [isinstance(item, Grid) for item in items] == [False, True]


def test_an_address_beside_labels_and_values_is_not_mixed_with_them() -> None:
    address = [
        run(0, 12 * i, text) for i, text in enumerate(["Sailing Club", "The Boathouse", "17 Pier Road", "Ireland"])
    ]
    labels = [run(300, 12 * i, text) for i, text in enumerate(["Invoice date", "Due date", "Customer"])]
    values = [run(400, 12 * i, text) for i, text in enumerate(["14 March 2025", "13 April 2025", "K-17"])]
    items = arrange([*address, *labels, *values], [])
    (grid,) = (item for item in items if isinstance(item, Grid))
    assert rows_of(grid) == [["Invoice date", "14 March 2025"], ["Due date", "13 April 2025"], ["Customer", "K-17"]]
    assert "Sailing Club The Boathouse 17 Pier Road Ireland" in texts(items)


def test_columns_of_prose_are_no_table() -> None:
    lines = [
        piece
        for i in range(8)
        for piece in (
            run(0, 12 * i, "some prose of 12 words in the left column here"),
            run(300, 12 * i, "and other prose of 30 words in the right column"),
        )
    ]
    assert not any(isinstance(item, Grid) for item in arrange(lines, []))


def test_a_numbered_list_is_no_table() -> None:
    runs = [piece for i in range(5) for piece in (run(0, 12 * i, f"{i}."), run(40, 12 * i, f"point {i}"))]
    assert not any(isinstance(item, Grid) for item in arrange(runs, []))


def lattice(xs: list[float], ys: list[float]) -> Edges:
    return Edges(tuple((y, xs[0], xs[-1]) for y in ys), tuple((x, ys[0], ys[-1]) for x in xs))


def test_a_ruled_table_has_the_cells_that_its_rules_draw() -> None:
    runs = [
        run(5, 5, "Name of the"),
        run(5, 17, "product"),
        run(105, 5, "Kind"),
        run(5, 35, "Rope"),
        run(105, 35, "braided"),
    ]
    (grid,) = arrange(runs, [], lattice([0, 100, 200], [0, 30, 60]))
    assert isinstance(grid, Grid)
    assert rows_of(grid) == [["Name of the product", "Kind"], ["Rope", "braided"]]
    assert grid.cells[0].box == (0, 0, 100, 30)


def test_a_ruled_cell_over_two_columns_spans_them() -> None:
    edges = Edges(
        ((0, 0, 200), (30, 0, 200), (60, 0, 200), (90, 0, 200)),
        ((0, 0, 90), (200, 0, 90), (100, 30, 90)),
    )
    runs = [run(70, 5, "Harbours"), run(5, 35, "Galway"), run(105, 35, "Clare"), run(5, 65, "12"), run(105, 65, "7")]
    (grid,) = arrange(runs, [], edges)
    assert isinstance(grid, Grid)
    assert (grid.cells[0].column_span, rows_of(grid)) == (2, [["Harbours", ""], ["Galway", "Clare"], ["12", "7"]])


def test_records_under_a_ruled_head_are_parted_where_only_columns_have_rules() -> None:
    runs = [run(5, 5, "Item"), run(105, 5, "Price"), run(205, 5, "Total")]
    for n in range(3):
        runs += [run(5, 35 + 24 * n, f"Rope {n}"), run(5, 46 + 24 * n, "braided")]
        runs += [run(105, 35 + 24 * n, f"{n},50"), run(205, 35 + 24 * n, f"{n},75")]
    (grid,) = arrange(runs, [], lattice([0, 100, 200, 300], [0, 30, 200]))
    assert isinstance(grid, Grid)
    assert rows_of(grid) == [
        ["Item", "Price", "Total"],
        *([f"Rope {n} braided", f"{n},50", f"{n},75"] for n in range(3)),
    ]


def test_cells_with_only_a_line_above_and_below_are_a_table() -> None:
    bars = tuple((y, x0, x1) for y in (0, 30, 33, 60, 63, 90) for x0, x1 in ((0, 98), (100, 198), (200, 300)))
    runs = [run(x + 5, y + 5, f"{y}{x}") for y in (0, 33, 63) for x in (0, 100, 200)]
    (grid,) = arrange(runs, [], Edges(bars, ()))
    assert isinstance(grid, Grid)
    assert (grid.rows, grid.columns) == (3, 3)


def test_the_grid_of_a_diagram_is_no_table() -> None:
    runs = [run(-40, 95, "0.5"), run(100, 320, "seconds")]
    items = arrange(runs, [], lattice([float(x) for x in range(0, 301, 50)], [float(y) for y in range(0, 301, 50)]))
    assert not any(isinstance(item, Grid) for item in items)
