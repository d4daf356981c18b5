import pytest

from sync.endpoint.selector import Selector
from sync.errors import BadRequest, NotImplementedHere

VALUE = {"_id": "task:1", "type": "task", "n": 5, "who": {"id": "li", "tags": ["a"]}, "none": None}


class TestMatches:
    @pytest.mark.parametrize(
        "selector",
        [{}, {"_id": "task:1"}, {"type": {"$eq": "task"}}, {"n": {"$gt": 4, "$lte": 5}}, {"who.id": "li"},
         {"who": {"id": "li"}}, {"who.tags": ["a"]}, {"none": None}, {"x": {"$exists": False}}, {"n": {"$in": [4, 5]}},
         {"n": {"$nin": [6]}}, {"$or": [{"n": 1}, {"type": "task"}]}, {"$and": [{"n": 5}]}, {"n": {"$not": {"$gt": 9}}},
         {"$nor": [{"n": 1}]}, {"type": {"$gt": 9}}],
    )  # fmt: skip
    def test_yes(self, selector):
        assert Selector(selector).matches(VALUE)

    @pytest.mark.parametrize(
        "selector",
        [{"_id": "task:2"}, {"n": "5"}, {"n": True}, {"x": 1}, {"x": {"$ne": 1}}, {"who.id.x": 1}, {"n": {"$lt": 5}},
         {"type": "task", "n": 6}, {"who": {"id": "wang"}}, {"$or": []}, {"x": {"$nin": [1]}}, {"none": False}],
    )  # fmt: skip
    def test_no(self, selector):
        assert not Selector(selector).matches(VALUE)

    def test_an_operator_that_is_not_there_is_said_so(self):
        with pytest.raises(NotImplementedHere):
            Selector({"n": {"$regex": "a"}})

    def test_endless_nesting_is_refused(self):
        selector = {}
        for _ in range(100):
            selector = {"a": selector}
        with pytest.raises(BadRequest):
            Selector(selector)
