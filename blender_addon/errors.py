"""The one error of the extension: what was asked, what was found, what to do, in one line."""


class AddonError(Exception):
    """A failure the user can mend. Operators report its text, the command line prints it."""
