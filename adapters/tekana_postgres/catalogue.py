"""The descriptions of the schema: by PostgreSQL, and as this version needs it.

`schema.json` describes a newly migrated database; `nox -s schema` writes it. The audit compares it with a database, and
so finds a dropped constraint, or a guard whose function was replaced.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import asyncpg

Catalogue = dict[str, dict[str, str]]
"""PostgreSQL's description of each object, by kind and name."""

SCHEMA_FILE = Path(__file__).with_name("schema.json")

_UNEXPECTED = frozenset(("trigger", "rule", "policy", "child table", "part"))
"""The kinds without additional objects, which would change the effect of statements. More indexes are allowed."""

# Parts of the outbox are created and dropped; each is described as `part`, with {part} for its name.
_TABLES = """
    SELECT oid, relname::text AS name FROM pg_class
    WHERE relnamespace = current_schema()::regnamespace AND relkind IN ('r', 'p') AND NOT relispartition
      AND relname <> 'alembic_version'
"""
_PARTS = """
    SELECT oid, relname::text AS name FROM pg_class
    WHERE oid IN (SELECT relid FROM pg_partition_tree(to_regclass('outbox')) WHERE isleaf)
"""
_OF_EACH = """
    SELECT {table}, name, format('%s, %s%s%s%s',
        CASE relkind WHEN 'p' THEN 'partitioned by ' || pg_get_partkeydef(c.oid) ELSE 'table' END,
        CASE relpersistence WHEN 'p' THEN 'logged' ELSE 'not logged' END,
        ', with ' || array_to_string(reloptions, ', '),
        CASE WHEN relrowsecurity THEN ', with row security' END,
        CASE WHEN relforcerowsecurity THEN ', forced' END)
    FROM {objects} t JOIN pg_class c USING (oid)
    UNION ALL
    SELECT {constraint}, t.name || '.' || replace(conname, t.name, '{{part}}'),
           pg_get_constraintdef(k.oid, true) || CASE WHEN convalidated THEN '' ELSE ', not validated' END
    FROM pg_constraint k JOIN {objects} t ON t.oid = conrelid WHERE contype <> 'n' -- shown with the columns
    UNION ALL
    SELECT {trigger}, t.name || '.' || tgname,
           replace(pg_get_triggerdef(g.oid, true), ' ON ' || t.name, ' ON {{part}}')
           || ', enabled: ' || tgenabled::text
    FROM pg_trigger g JOIN {objects} t ON t.oid = tgrelid WHERE NOT tgisinternal
    UNION ALL
    SELECT {rule}, t.name || '.' || rulename, pg_get_ruledef(r.oid, true)
    FROM pg_rewrite r JOIN {objects} t ON t.oid = ev_class
"""
_QUERY = f"""
WITH tables AS ({_TABLES}), parts AS ({_PARTS})
{_OF_EACH.format(objects="tables", table="'table'", constraint="'constraint'", trigger="'trigger'", rule="'rule'")}
UNION ALL
{_OF_EACH.format(objects="parts", table="'part'", constraint="'part'", trigger="'part'", rule="'part'")}
UNION ALL
SELECT 'column', t.name || '.' || attname, format_type(atttypid, atttypmod)
       || CASE WHEN attnotnull THEN ', not null' ELSE '' END
       || coalesce(', default ' || pg_get_expr(adbin, adrelid), '')
       || CASE WHEN attidentity <> '' THEN ', identity' ELSE '' END
FROM pg_attribute a JOIN tables t ON t.oid = attrelid LEFT JOIN pg_attrdef ON (adrelid, adnum) = (attrelid, attnum)
WHERE attnum > 0 AND NOT attisdropped
UNION ALL
SELECT 'index', t.name || '.' || i.relname, pg_get_indexdef(indexrelid, 0, true)
       || CASE WHEN indisvalid AND indisready THEN '' ELSE ', not valid' END
FROM pg_index JOIN tables t ON t.oid = indrelid JOIN pg_class i ON i.oid = indexrelid
UNION ALL
SELECT 'policy', t.name || '.' || polname, polcmd::text FROM pg_policy JOIN tables t ON t.oid = polrelid
UNION ALL
SELECT 'child table', t.name || '.' || inhrelid::regclass, 'inherits'
FROM pg_inherits JOIN tables t ON t.oid = inhparent WHERE t.name <> 'outbox'
UNION ALL
SELECT 'sequence', relname::text, format('from %s to %s by %s%s', seqmin, seqmax, seqincrement,
                                         CASE WHEN seqcycle THEN ', cycles' END)
FROM pg_sequence JOIN pg_class ON pg_class.oid = seqrelid WHERE relnamespace = current_schema()::regnamespace
UNION ALL
SELECT 'function', proname || '(' || pg_get_function_identity_arguments(p.oid) || ')',
       format('%s returns %s, %s, %s%s, body %s', lanname, pg_get_function_result(p.oid), provolatile::text,
              CASE WHEN prosecdef THEN 'with the rights of its owner' ELSE 'with the rights of its caller' END,
              ', ' || replace(array_to_string(proconfig, '; '), quote_ident(current_schema()), '{{schema}}'),
              encode(sha256(convert_to(prosrc, 'UTF8')), 'hex'))
FROM pg_proc p JOIN pg_language l ON l.oid = prolang
WHERE pronamespace = current_schema()::regnamespace AND starts_with(proname, 'tekana_')
"""


async def read_catalogue(connection: asyncpg.Connection) -> Catalogue:
    """Describe the schema of a database, with an entry for each part of its outbox."""
    found: Catalogue = {}
    for kind, name, definition in await connection.fetch(_QUERY):
        if kind == "part":
            part, _, detail = name.partition(".")
            found.setdefault(f"part {part}", {})[detail] = definition
        else:
            relation = name.partition(".")[0]
            found.setdefault(kind, {})[name.replace("{part}", relation)] = definition.replace("{part}", relation)
    return found


def as_reference(found: Catalogue) -> Catalogue:
    """Return the description to compare with: it has one entry for all parts of the outbox."""
    parts = [kind for kind in found if kind.startswith("part ")]
    reference = {kind: objects for kind, objects in found.items() if kind not in parts}
    reference["part"] = found[parts[0]]
    return reference


@cache
def needed() -> Catalogue:
    """Return the description of the schema that this version needs."""
    reference: Catalogue = json.loads(SCHEMA_FILE.read_text("utf-8"))
    return reference


def differences(found: Catalogue) -> Iterator[str]:
    """Yield a description of each difference from the schema that this version needs."""
    reference = needed()
    parts = [kind for kind in found if kind.startswith("part ")]
    for kind in (*(one for one in reference if one != "part"), *(one for one in _UNEXPECTED if one not in reference)):
        if kind != "part":
            yield from _differences(kind, reference.get(kind, {}), found.get(kind, {}))
    for part in parts:
        yield from _differences(part, reference["part"], found[part])


def _differences(kind: str, expected: dict[str, str], found: dict[str, str]) -> Iterator[str]:
    for name, definition in expected.items():
        if name not in found:
            yield f"{kind} {name}: is missing"
        elif found[name] != definition:
            yield f"{kind} {name}: is {found[name]!r}, and has to be {definition!r}"
    if kind.partition(" ")[0] in _UNEXPECTED or kind in _UNEXPECTED:
        yield from (f"{kind} {name}: is not one of tekana's: {found[name]}" for name in found.keys() - expected.keys())


def count_objects(found: Catalogue) -> int:
    """Return the number of objects in a description."""
    return sum(len(objects) for objects in found.values())
