"""Lesson: ten scenes, each with one sentence, live numbers and a question, over the real player."""

from seda.ui.errors import errors_on_screen
from seda.ui.frame import stand_in_frame
from seda.ui.lesson.page import show_lesson
from seda.ui.state import app_state

stand_in_frame()

with errors_on_screen():
    show_lesson(app_state())
