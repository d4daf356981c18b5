"""Plans picked on the map, the week, and a task given to somebody else."""

from datetime import timedelta

import pytest

from sync.databases import beijing_today
from tests.web_console.conftest import Visitor
from tests.web_console.scene import Scene


async def area_id(visitor: Visitor, name: str) -> str:
    areas = (await visitor.get("/api/network/areas")).json()
    return next(area["id"] for area in areas if area["name"] == name)


class TestPlans:
    async def test_preview_tells_length_and_who_may_walk_it(self, dispatcher: Visitor):
        area = await area_id(dispatcher, "东门片区")
        preview = (await dispatcher.get("/plans/preview", part=True, area_id=area, pressure_levels="medium_a")).text
        assert "km" in preview
        assert "演示-李巡检" in preview

    async def test_saved_plan_sends_todays_task(self, dispatcher: Visitor, scene: Scene):
        form = {
            "name": "东门 中压A 演练",
            "area_id": await area_id(dispatcher, "东门片区"),
            "pressure_levels": ["medium_a"],
            "staff_id": scene.li.staff.id,
            "start_1": "00:00",
            "end_1": "23:59",
            "check_points": '[{"name":"站前街阀井","lon":126.35,"lat":43.2,"proof":"qr","code":"CP-07"}]',
        }
        answer = await dispatcher.post("/plans", form)
        assert answer.status_code == 204
        assert answer.headers["hx-redirect"].startswith("/tasks?task=task.patrol:")
        task = answer.headers["hx-redirect"].partition("task=")[2]
        page = (await dispatcher.get(f"/tasks/{task}")).text
        assert "站前街阀井" in page
        assert (await dispatcher.get(f"/tasks/{task}/map.json")).json()["pipe_ids"]

    async def test_area_without_such_pipes_is_told(self, dispatcher: Visitor):
        area = await area_id(dispatcher, "老城片区")
        answer = await dispatcher.get("/plans/preview", part=True, area_id=area, pressure_levels="sub_high_b")
        assert answer.status_code == 422
        assert "没有所选压力级制的管段" in answer.text

    async def test_check_point_that_lacks_its_name_is_told(self, dispatcher: Visitor, scene: Scene):
        form = {"name": "x", "area_id": "x", "pressure_levels": "low", "staff_id": scene.li.staff.id}
        answer = await dispatcher.post("/plans", form | {"check_points": '[{"lon":1}]'})
        assert answer.status_code == 422
        assert "检查点填写不完整" in answer.text


class TestTask:
    @pytest.mark.requirement("6.5.2")
    async def test_map_shows_what_was_covered_and_the_track(self, dispatcher: Visitor, scene: Scene):
        shown = (await dispatcher.get(f"/tasks/{scene.task_id}/map.json")).json()
        assert shown["walked"]["features"]
        assert len(shown["tracks"]["features"]) == 2

    async def test_is_given_to_a_stand_in(self, dispatcher: Visitor, scene: Scene):
        tasks = (await dispatcher.get("/api/patrol/tasks", search="林场 低压")).json()["items"]
        task = next(task for task in tasks if task["state"] in {"open", "overdue"})
        side = (await dispatcher.get("/tasks/side", part=True, task=task["id"])).text
        assert "演示-李巡检" in side
        form = {"staff_id": scene.li.staff.id, "reason": "病假"}
        assert (await dispatcher.post(f"/tasks/{task['id']}/reassign", form)).status_code == 204
        again = await dispatcher.post(f"/tasks/{task['id']}/reassign", form)
        assert again.status_code == 409
        assert "任务已结束" in again.text

    async def test_week_shows_people_and_days_to_come(self, dispatcher: Visitor):
        monday = beijing_today() - timedelta(days=beijing_today().weekday())
        week = (await dispatcher.get("/tasks/week", part=True, week=monday.isoformat())).text
        assert "演示-李巡检" in week
        assert "老城 中压A" in week
