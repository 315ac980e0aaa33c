"""Errors meant for the person who reads them: what was asked, what was found, what to do."""


class LiquidMotionError(Exception):
    """A failure the user can mend. Its text is one line: the file or input, what is wrong, the mend."""


class FootageError(LiquidMotionError):
    """A clip, image sequence or picture that cannot be read or written."""


class NobodyFoundError(LiquidMotionError):
    """No person was found where one is needed."""


class BodyModelError(LiquidMotionError):
    """A body model file that is missing, truncated, of another kind, or unsafe to read."""


class MotionFileError(LiquidMotionError):
    """A motion file that is missing, broken, or not in the published layout."""


class SubjectError(LiquidMotionError):
    """A subject folder that is missing, half made, or from another version."""


class WorkerError(LiquidMotionError):
    """The worker process could not be started, died, or answered with rubbish."""
