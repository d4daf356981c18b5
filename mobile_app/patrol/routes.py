"""巡线, its check points, its end and its alarm, bound to the desk."""

from typing import Any

import flet as ft

from mobile_app.components.photos import choose_photo
from mobile_app.patrol.leak_screen import leak_screen
from mobile_app.patrol.screens import finish_sheet, patrol_actions, patrol_screen, visit_screen
from mobile_app.patrol.state import PatrolRun, Visit
from mobile_app.scanning.state import code_in, tag_near
from mobile_app.today.routes import pill
from mobile_app.window import Window
from mobile_app.words import grouped


def patrol_route(window: Window) -> ft.Control | None:
    desk, ui = window.desk, window.ui
    run = desk.patrol
    if run is None:
        return None
    if run.alarm is not None:
        return _alarm(window, run)

    def legend(*_: Any) -> None:
        run.legend = not run.legend

    async def navigate(*_: Any) -> None:
        found = run.next_point()
        if found is not None:
            where = f"{found.point.lat},{found.point.lon}"
            await ft.UrlLauncher().launch_url(f"geo:{where}?q={where}({found.point.name})")

    return patrol_screen(
        ui,
        title=run.patrol.task.area_name,
        levels=ui.words.levels(run.patrol.task.pressure_levels),
        live=run.live,
        drawing=run.drawing,
        map_key=f"map-{run.jumps}",
        on_here=run.on_here,
        legend=run.legend,
        next_point=run.next_point(),
        pill=pill(window, short=True),
        warning=run.warning,
        actions=patrol_actions(
            ui,
            paused=run.patrol.paused,
            on_hazard=window.opens(lambda: desk.find("hazard")),
            on_works=window.opens(lambda: desk.find("works")),
            on_pause=window.does(run.pause_or_go_on),
            on_finish=window.goes("/finish"),
        ),
        on_point=lambda key: window.page.run_task(_open_point, window, key),
        on_layers=legend,
        on_centre=lambda *_: run.centre(),
        on_emergency=window.call_emergency,
        on_navigate=navigate,
        on_back=window.goes("/"),
    )


async def _open_point(window: Window, check_point_id: str) -> None:
    window.go(await window.desk.visit_point(check_point_id))


def _alarm(window: Window, run: PatrolRun) -> ft.Control | None:
    alarm, ui = run.alarm, window.ui
    if alarm is None:
        return None
    proposal = alarm.proposal
    until = proposal.instrument_verified_until
    instrument = proposal.instrument_id + (ui.say(f" 检定至 {until}", f" verified until {until}") if until else "")
    here = proposal.position
    where = f"{here.lon:.5f}, {here.lat:.5f} ±{here.accuracy_m:.0f} m" if here else ui.say("没有定位", "no position")
    again = ui.say("待复测", "to be repeated") if alarm.retest_ppm is None else f"{grouped(alarm.retest_ppm)} ppm"
    return leak_screen(
        ui,
        emergency=proposal.emergency,
        at=ui.words.time(run.app.now()),
        reading=proposal.reading_ppm,
        limit=run.app.settings.leak_emergency_ppm
        if proposal.emergency and run.app.settings
        else proposal.alarm_limit_ppm,
        facts=[
            (ui.say("检测仪", "Detector"), instrument),
            (ui.say("位置", "Place"), where),
            (ui.say("复测", "Re-test"), again),
        ],
        saved=alarm.record is not None,
        emergency_phone=run.app.emergency_phone,
        on_retest=window.does(alarm.retest),
        on_save=window.does(alarm.save),
        on_call=window.call_emergency,
        on_close=lambda *_: run.close_alarm(),
    )


def visit_route(window: Window) -> ft.Control | None:
    visit = window.desk.visit
    if visit is None:
        return None

    def prove(proof: str) -> None:
        window.page.run_task(_prove, window, visit, proof)

    return visit_screen(
        window.ui,
        point=visit.point,
        arrival=visit.arrival_words(),
        arrived=visit.arrived,
        form=visit.form,
        items=visit.items,
        reasons=visit.reasons,
        pictures=[taken.picture.data for taken in visit.pictures],
        missing=visit.missing,
        on_form=visit.change,
        on_photo=window.photographs(visit.add_picture),
        on_proof=prove,
        on_save=window.does(visit.save, then="/patrol"),
        on_back=window.goes("/patrol"),
    )


async def _prove(window: Window, visit: Visit, proof: str) -> None:
    app = window.desk.app
    if proof == "nfc":
        tag = await app.attempt(tag_near(app))
        if tag is not None:
            visit.proved("nfc", tag[0], tag[1])
        return
    chosen = await choose_photo()
    found = await app.attempt(code_in(chosen[0])) if chosen else None
    if found is not None:
        visit.proved("qr", found[0])


def finish_route(window: Window) -> ft.Control | None:
    desk = window.desk
    run = desk.patrol
    if run is None:
        return None
    coverage = run.patrol.coverage

    def reason(value: str) -> None:
        run.finish_reason = value

    return finish_sheet(
        window.ui,
        percent=coverage.percent,
        left_m=max(0.0, coverage.assigned_m - coverage.covered_m),
        visited=len(run.patrol.visited),
        points=len(run.points),
        reason=run.finish_reason,
        on_reason=reason,
        on_finish=window.does(lambda: desk.finish_patrol(run.finish_reason), then="/"),
        on_back=window.goes("/patrol"),
    )
