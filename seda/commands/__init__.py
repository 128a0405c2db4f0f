"""The commands of python -m seda, one file a command: its arguments in add(), its action in run().

argparse parses them: it is in the standard library, and with a file a command each one is read as a page, so that a library for
command lines would add a dependency and save no lines worth having. A command's file is imported for --help of every command:
what takes long to import is imported inside run(). seda.cli gathers the files; shared/ has what several of them need.
"""
