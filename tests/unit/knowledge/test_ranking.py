from knowledge.lexical import term_id
from knowledge.ranking import Hit, Query, Scored, fuse, line_score, rank_words

KAFKA, LUNCH, OTHER = (term_id(word) for word in ("kafka", "lunch", "other"))
QUERY = Query.of([KAFKA, LUNCH], [2, 50], live_count=100, term_count=1000)


def test_a_unit_is_one_document_and_the_rare_word_counts_more():
    hits = [
        Hit(1, 10, 0, [KAFKA, OTHER]),
        Hit(2, 10, 1, [LUNCH]),
        Hit(3, 11, 0, [LUNCH, LUNCH]),
        Hit(4, 12, 0, [KAFKA]),
    ]
    units = rank_words(QUERY, hits, {10: 3, 11: 2, 12: 1})
    assert units[10].coverage == 1.0
    assert 0 < units[11].coverage < units[12].coverage < 1
    assert units[10].words > units[11].words


def test_a_line_gains_from_its_neighbours():
    alone = rank_words(QUERY, [Hit(1, 10, 0, [LUNCH])], {10: 1})
    beside = rank_words(QUERY, [Hit(1, 10, 0, [LUNCH]), Hit(2, 10, 1, [KAFKA])], {10: 2})
    far = rank_words(QUERY, [Hit(1, 10, 0, [LUNCH]), Hit(2, 10, 5, [KAFKA])], {10: 2})
    assert beside[10].lines[0] > alone[10].lines[0]
    assert far[10].lines[0] == alone[10].lines[0]


def test_a_line_read_without_its_neighbours_gains_nothing_from_them_and_its_unit_loses_nothing():
    hits = [Hit(1, 10, 0, [LUNCH]), Hit(2, 10, 1, [KAFKA, LUNCH])]
    beside = rank_words(QUERY, hits, {10: 3})
    without = rank_words(QUERY, hits, {10: 3}, neighbour_share=0.0)
    alone = rank_words(QUERY, hits[:1], {10: 1}, neighbour_share=0.0)
    assert without[10].lines[0] == alone[10].lines[0] < beside[10].lines[0]
    assert without[10].words == beside[10].words


def test_without_hits_nothing_is_ranked():
    assert rank_words(QUERY, [], {}) == {}


def test_fusion_mixes_both_and_survives_one_being_absent():
    words = rank_words(QUERY, [Hit(1, 10, 0, [KAFKA]), Hit(2, 11, 0, [LUNCH])], {10: 1, 11: 1})
    assert [s.unit for s in fuse(words, {})] == [10, 11]
    assert [s.unit for s in fuse({}, {7: 0.9, 8: 0.8})] == [7, 8]
    fused = {s.unit: s for s in fuse(words, {11: 0.9, 12: 0.5})}
    assert fused[11].score > fused[12].score
    assert (fused[10].cosine, fused[12].cosine) == (None, 0.5)
    assert all(0 <= s.score <= 1 for s in fused.values())


def test_a_line_is_ranked_by_its_words_and_its_passage():
    words = rank_words(QUERY, [Hit(1, 10, 0, [KAFKA])], {10: 1})
    (scored,) = fuse(words, {})
    assert line_score(scored, 0, scored.lines[0]) == 1.0
    assert line_score(scored, 3, scored.lines[0]) == 0.5


def test_among_much_the_same_text_the_only_one_with_the_word_comes_first():
    alike = {unit: 0.9 + unit / 1e6 for unit in range(2, 102)}
    words = {unit: Scored(unit, words=0.001) for unit in range(2, 102)} | {1: Scored(1, words=7.0)}
    assert fuse(words, alike, {1: 0.899})[0].unit == 1


def test_a_unit_far_from_the_question_gains_nothing_by_being_looked_up():
    words = {1: Scored(1, words=7.0), 2: Scored(2, words=5.0)}
    near = {2: 0.92, 3: 0.8}
    scores = {scored.unit: scored.score for scored in fuse(words, near, {1: 0.5})}
    assert scores[1] == 0.5
    assert scores[2] > scores[1] > scores[3]
