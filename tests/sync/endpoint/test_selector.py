import pytest

from sync.endpoint.selector import Selector
from sync.errors import BadRequest, NotImplementedHere

VALUE = {
    "_id": "task:1", "type": "task", "n": 5, "who": {"id": "li", "tags": ["a"]}, "none": None, "a.b": 1, "neg": -7,
    "list": [1, {"k": 2}], "empty": [],
}  # fmt: skip


class TestMatches:
    @pytest.mark.parametrize(
        "selector",
        [{}, {"_id": "task:1"}, {"type": {"$eq": "task"}}, {"n": {"$gt": 4, "$lte": 5}}, {"who.id": "li"},
         {"who": {"id": "li"}}, {"who.tags": ["a"]}, {"none": None}, {"x": {"$exists": False}}, {"n": {"$in": [4, 5]}},
         {"n": {"$nin": [6]}}, {"$or": [{"n": 1}, {"type": "task"}]}, {"$and": [{"n": 5}]}, {"n": {"$not": {"$gt": 9}}},
         {"$nor": [{"n": 1}]}, {"type": {"$gt": 9}}, {"a\\.b": 1}, {"list.1.k": 2}, {"$not": {"n": 6}},
         {"$not": {"n": 5, "type": "x"}}, {"who.tags": {"$in": ["a", "b"]}}, {"who.tags": {"$all": ["a"]}},
         {"who.tags": {"$all": [["a"]]}}, {"list": {"$size": 2}}, {"n": {"$type": "number"}},
         {"none": {"$type": "null"}},
         {"who": {"$type": "object"}}, {"n": {"$mod": [3, 2]}}, {"neg": {"$mod": [3, -1]}},
         {"_id": {"$beginsWith": "task:"}},
         {"list": {"$elemMatch": {"k": {"$gte": 2}}}}, {"list": {"$allMatch": {"$ne": 5}}},
         {"who": {"$keyMapMatch": {"$beginsWith": "ta"}}}, {"list": {"$not": {"$size": 3}}},
         {"$nor": [{"$and": [{"n": 1}]}]}],
    )  # fmt: skip
    def test_yes(self, selector):
        assert Selector(selector).matches(VALUE)

    @pytest.mark.parametrize(
        "selector",
        [{"_id": "task:2"}, {"n": "5"}, {"n": True}, {"x": 1}, {"x": {"$ne": 1}}, {"who.id.x": 1}, {"n": {"$lt": 5}},
         {"type": "task", "n": 6}, {"who": {"id": "wang"}}, {"$or": []}, {"x": {"$nin": [1]}}, {"none": False},
         {"$not": {"x": 1}}, {"$not": {}}, {"$nor": [{"n": 5}, {"n": 1}]}, {"$not": {"x": {"$exists": False}}},
         {"a.b": 1},
         {"who.tags": {"$nin": ["a"]}}, {"who.tags": {"$all": []}}, {"n": {"$all": [5]}}, {"n": {"$size": 1}},
         {"n": {"$type": "string"}}, {"n": {"$mod": [3, 1]}}, {"_id": {"$mod": [3, 0]}}, {"n": {"$beginsWith": "5"}},
         {"list": {"$elemMatch": {"k": 3}}}, {"empty": {"$allMatch": {"$ne": 5}}}, {"x": {"$elemMatch": {}}},
         {"who": {"$keyMapMatch": {"$eq": "x"}}}],
    )  # fmt: skip
    def test_no(self, selector):
        assert not Selector(selector).matches(VALUE)

    def test_an_operator_that_is_not_there_is_said_so(self):
        with pytest.raises(NotImplementedHere):
            Selector({"n": {"$regex": "a"}})

    @pytest.mark.parametrize(
        "selector",
        [{"n": {"$mod": [0, 1]}}, {"n": {"$mod": [1]}}, {"n": {"$mod": ["a", 1]}}, {"n": {"$size": "a"}},
         {"n": {"$type": "date"}}, {"n": {"$in": 1}}, {"n": {"$all": 1}}, {"$and": {}}, {"n": {"$beginsWith": 1}}],
    )  # fmt: skip
    def test_an_operator_without_sense_is_refused(self, selector):
        with pytest.raises(BadRequest):
            Selector(selector)

    def test_endless_nesting_is_refused(self):
        selector = {}
        for _ in range(100):
            selector = {"a": selector}
        with pytest.raises(BadRequest):
            Selector(selector)
