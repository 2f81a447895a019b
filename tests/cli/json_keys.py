"""json_keys.py PAGE FOLDER [HEADING ..]: documents against docs/json.md, in both directions.

FOLDER has a folder for each heading, by the heading's anchor, with its documents (.json, or .csv, whose keys are the columns). Each key of
a document must stand under the heading, with its type, and each key of the page must be in some document; headings that are given
are left out of the latter.
"""
import csv
import json
import os
import re
import sys

wrong = []


def anchor(heading):
    return re.sub(r"[^a-z0-9 _-]", "", heading.lower()).replace(" ", "-")


class Section:
    def __init__(self, heading):
        self.heading, self.rows, self.more = heading, {}, []

    def sections(self):
        yield self
        for name in self.more:
            yield from page[name].sections()

    def row(self, path):
        """The row of a path: of its own, or of a member whose name depends on the data; with the path as the page has it."""
        for section in self.sections():
            if path in section.rows:
                return section.rows[path], path
        return None, path

    def known(self, path, key):
        """A member's path as the page has it, or None."""
        own = f"{path}.{key}" if path else key
        places = [p for section in self.sections() for p in section.rows]
        if any(re.match(re.escape(own) + r"($|[.[])", p) for p in places):
            return own
        start = path + "." if path else ""
        for p in places:
            member = re.match(r"[^.[]*", p[len(start):]).group() if p.startswith(start) else ""
            if "{" in member and re.fullmatch(re.sub(r"\\{.*?\\}", ".*", re.escape(member)), key):
                return start + member
        return None


class Row:
    def __init__(self, types):
        link = re.search(r"\(#([^)]*)\)", types)
        self.section = link.group(1) if link else None
        self.types = set(re.split(r", | or ", re.sub(r"\[[^]]*\]\([^)]*\)", "object", types)))
        self.seen = False


def read_page(path):
    section = None
    for line in open(path):
        if line.startswith("#"):
            section = Section(line.strip("# \n"))
            if anchor(section.heading) in made:
                wrong.append(f"two headings {section.heading}")
            made[anchor(section.heading)] = section
        elif line.startswith("All keys of"):
            section.more = re.findall(r"\(#([^)]*)\)", line)
        elif line.startswith("| `"):
            key, types = [cell.strip() for cell in line.split("|")[1:3]]
            if key.strip("`") in section.rows:
                wrong.append(f"{section.heading}: {key} stands there twice")
            section.rows[key.strip("`")] = Row(types)


def type_of(value):
    return {type(None): "null", bool: "boolean", int: "integer", float: "number", str: "string"}.get(type(value), "object")


def walk(section, path, value, where):
    row, _ = section.row(path)
    if row:
        row.seen = True
        kind = type_of(value)
        if "internal" in row.types:
            return
        inner = kind == "object" and any(re.match(re.escape(path) + r"[.[]", p) for part in section.sections() for p in part.rows)
        if not (kind in row.types or inner or kind == "integer" and "number" in row.types):
            wrong.append(f"{where}: {path} is {kind}; under \"{section.heading}\" the page has {' or '.join(sorted(row.types))}")
        if row.section and kind == "object":
            return walk(page[row.section], "", value, where)
    elif type_of(value) != "object":
        wrong.append(f"{where}: {path} ({type_of(value)}) does not stand under \"{section.heading}\"")
    if isinstance(value, list):
        for element in value:
            walk(section, path + "[]", element, where)
    if isinstance(value, dict):
        for key, member in value.items():
            place = section.known(path, key)
            if place is None:
                wrong.append(f"{where}: {path + '.' if path else ''}{key} does not stand under \"{section.heading}\"")
            else:
                walk(section, place, member, where)


def check_columns(section, path, where):
    for column in next(csv.reader(open(path))):
        place = section.known("", column)
        if place is None:
            wrong.append(f"{where}: the column {column} does not stand under \"{section.heading}\"")
        else:
            section.rows[place].seen = True


page = made = {}
read_page(sys.argv[1])
for name in sorted(os.listdir(sys.argv[2])):
    for file in sorted(os.listdir(os.path.join(sys.argv[2], name))):
        path, where = os.path.join(sys.argv[2], name, file), name + "/" + file
        if name not in page:
            wrong.append(f"{where}: the page has no such heading")
        elif not os.path.getsize(path):
            wrong.append(f"{where}: empty")
        elif file.endswith(".csv"):
            check_columns(page[name], path, where)
        else:
            walk(page[name], "", json.load(open(path)), where)
for name, section in page.items():
    for key, row in section.rows.items():
        if not row.seen and name not in sys.argv[3:]:
            wrong.append(f"page: {key} under \"{section.heading}\" is in no document")
print(*sorted(set(wrong)), sep="\n")
sys.exit(1 if wrong else 0)
