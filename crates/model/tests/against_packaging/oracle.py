"""Answers questions with the packaging library and the requirements reader of the pip that is there.

One question in JSON on each line of the input, one answer on each line of the output.
"""

import glob
import inspect
import json
import os
import sys
import tempfile
import warnings

warnings.simplefilter("ignore")
try:
    import pip  # noqa: F401
except ImportError:
    import ensurepip

    bundled = os.path.join(os.path.dirname(ensurepip.__file__), "_bundled")
    wheels = [wheel for folder in (bundled, "/usr/share/python-wheels") for wheel in glob.glob(folder + "/pip-*.whl")]
    sys.path.insert(0, wheels[0])

from pip._vendor import packaging
from pip._vendor.packaging import markers, requirements, specifiers, utils, version


def about(_question):
    return int(packaging.__version__.split(".")[0])


def versions(texts):
    """For each text its normal form, whether it is a pre-release, and its place in the order; null for no version."""
    parsed = [read_version(text) for text in texts]
    order = sorted(set(known for known in parsed if known))
    return [known and [str(known), known.is_prerelease, order.index(known)] for known in parsed]


def read_version(text):
    try:
        return version.Version(text)
    except version.InvalidVersion:
        return None


def read_specifiers(text):
    """None as well for what was a legacy specifier once."""
    try:
        read = specifiers.SpecifierSet(text)
    except specifiers.InvalidSpecifier:
        return None
    return read if all(type(one) is specifiers.Specifier for one in read) else None


def contains(question):
    """A row of answers for each specifier; null for no specifier."""
    rows = []
    for text in question["specifiers"]:
        read = read_specifiers(text)
        rows.append(None if read is None else [read.contains(one, prereleases=True) for one in question["versions"]])
    return rows


def select(question):
    offered = question["versions"]
    return [list(read_specifiers(text).filter(offered, question["pre"] or None)) for text in question["specifiers"]]


def marker(question):
    answers = []
    for text in question["markers"]:
        try:
            answers.append(markers.Marker(text).evaluate({**question["environment"], "extra": question["extra"]}))
        except (markers.InvalidMarker, markers.UndefinedComparison, KeyError, version.InvalidVersion, markers.UndefinedEnvironmentName):
            answers.append(None)
    return answers


def requirement(texts):
    return [read_requirement(text) for text in texts]


def read_requirement(text):
    try:
        read = requirements.Requirement(text)
    except requirements.InvalidRequirement:
        return None
    if read_specifiers(str(read.specifier)) is None:
        return None
    extras = sorted(set(utils.canonicalize_name(extra) for extra in read.extras))
    clauses = sorted(clause for clause in str(read.specifier).split(",") if clause)
    return [utils.canonicalize_name(read.name), extras, clauses, read.url, read.marker is not None]


def wheel(names):
    answers = []
    for name in names:
        try:
            project, known, build, tags = utils.parse_wheel_filename(name)
            answers.append([project, str(known), list(build), sorted(str(tag) for tag in tags)])
        except (utils.InvalidWheelFilename, version.InvalidVersion):
            answers.append(None)
    return answers


def sdist(names):
    answers = []
    for name in names:
        try:
            project, known = utils.parse_sdist_filename(name)
            answers.append([project, str(known)])
        except (utils.InvalidSdistFilename, version.InvalidVersion):
            answers.append(None)
    return answers


def requirements_file(files):
    """The requirements of `r.txt`, or null when pip refuses one of the lines."""
    from pip._internal.exceptions import InstallationError
    from pip._internal.network.session import PipSession
    from pip._internal.req import req_file

    with tempfile.TemporaryDirectory() as folder:
        for name, text in files.items():
            path = os.path.join(folder, name)
            os.makedirs(os.path.dirname(path), exist_ok=True)
            with open(path, "w", encoding="utf-8", newline="") as file:
                file.write(text)
        found = []
        try:
            for line in req_file.parse_requirements(os.path.join(folder, "r.txt"), PipSession()):
                _flag, _, rest = line.comes_from.partition(" ")
                path, _, number = rest.rpartition(" (line ")
                hashes = [f"{kind}:{digest}" for kind, all_ in (line.options or {}).get("hashes", {}).items() for digest in all_]
                place = f"{os.path.relpath(path, folder)} line {number[:-1]}"
                found.append([place, line.constraint, line.is_editable, line.requirement, sorted(hashes)])
        except InstallationError:
            return None
        return found


def choose(question):
    """The file that pip takes; the last step is the one of its resolver, which leaves out what was yanked."""
    from pip._internal.index import package_finder
    from pip._internal.models.link import Link
    from pip._internal.models.target_python import TargetPython

    python = TargetPython(platforms=[question["platform"]], py_version_info=tuple(question["python"]), implementation="cp")
    evaluator = package_finder.LinkEvaluator("foo", "foo", frozenset(question["formats"]), python, True)
    found = []
    for file in question["files"]:
        url = "https://host/" + file["filename"]
        link = Link(url, requires_python=file["requires_python"], yanked_reason=file["yanked"])
        result = evaluator.evaluate_link(link)
        if result[0] in (True, getattr(package_finder, "LinkType", None) and package_finder.LinkType.candidate):
            try:
                found.append(package_finder.InstallationCandidate("foo", result[1], link))
            except version.InvalidVersion:
                pass
    wanted = specifiers.SpecifierSet(question["specifiers"])
    ranking = package_finder.CandidateEvaluator.create(
        "foo", python, prefer_binary=question["prefer_binary"], specifier=wanted, **asked_for(package_finder, question["pre"])
    )
    fitting = ranking.get_applicable_candidates(found)
    all_yanked = all(one.link.is_yanked for one in fitting)
    pinned = any(one.operator == "===" or (one.operator == "==" and not one.version.endswith(".*")) for one in wanted)
    for one in reversed(fitting):
        if not one.link.is_yanked or (all_yanked and pinned):
            return one.link.filename
    return None


def asked_for(package_finder, pre):
    """How this pip is told that pre-releases are wished for."""
    if "allow_all_prereleases" in inspect.signature(package_finder.CandidateEvaluator.create).parameters:
        return {"allow_all_prereleases": pre}
    from pip._internal.models.release_control import ReleaseControl

    return {"release_control": ReleaseControl({":all:"} if pre else set(), set())}


def tags(question):
    from pip._internal.models.target_python import TargetPython

    python = TargetPython(platforms=[question["platform"]], py_version_info=tuple(question["python"]), implementation="cp")
    known = python.get_sorted_tags() if hasattr(python, "get_sorted_tags") else python.get_tags()
    return [str(tag) for tag in known]


KINDS = [about, versions, contains, select, marker, requirement, wheel, sdist, requirements_file, choose, tags]
ANSWERS = {kind.__name__: kind for kind in KINDS}

for asked in sys.stdin:
    kind, question = json.loads(asked)
    print(json.dumps(ANSWERS[kind](question)), flush=True)
