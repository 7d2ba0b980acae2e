"""psycopg 3 sends parameters apart from the statement, with a type or without,
in text or binary, and prepares statements.  Prints what 140_clients.pl compares."""
import logging
import sys

import psycopg
from psycopg.types.string import StrDumper, StrDumperVarchar

# It warns, sometimes, of statements that were still in a pipeline that failed.
logging.getLogger("psycopg").setLevel(logging.ERROR)

host, port, user = sys.argv[1:]
dsn = f"host={host} port={port} user={user} dbname=postgres"


def refusal(error):
    diag = error.diag
    return "|".join([diag.sqlstate, diag.constraint_name, diag.schema_name, diag.table_name, diag.message_detail])


with psycopg.connect(dsn, autocommit=True) as db:
    one = db.execute("INSERT INTO lead (company, employees) VALUES (%s, %s) RETURNING id, stage", ("Air", 500)).fetchone()
    print("inserted", one[1], sep="|")
    lead = one[0]

    # A string without a type, as text, as varchar; the name of the stage is all
    # that a driver knows of our type.
    for name, dumper in (("untyped", None), ("text", StrDumper), ("varchar", StrDumperVarchar)):
        with psycopg.connect(dsn, autocommit=True) as typed:
            if dumper:
                typed.adapters.register_dumper(str, dumper)
            typed.execute("UPDATE lead SET need = %s, stage = %s WHERE id = %s", ("oxygen", "sql", lead))
            back = typed.execute("UPDATE lead SET stage = %s, stage_reason = %s WHERE id = %s RETURNING stage, fit_score",
                                 ("nurture", "no time", lead)).fetchone()
            print(name, *back, sep="|")
            typed.execute("UPDATE lead SET stage = %s WHERE id = %s", ("mql", lead))

    cursor = db.cursor(binary=True)
    print("binary result", cursor.execute("SELECT stage FROM lead WHERE id = %s", (lead,)).fetchone()[0], sep="|")
    with db.cursor().copy("COPY lead (company, employees, stage) FROM STDIN (FORMAT binary)") as copy:
        copy.set_types(["text", "int4", "text"])
        for row in (("Copied 1", 10, "lead"), ("Copied 2", 5000, "lead")):
            copy.write_row(row)
    print("binary COPY", *[r[0] for r in db.execute("SELECT stage FROM lead WHERE company LIKE 'Copied%' ORDER BY id")], sep="|")
    try:
        with db.cursor().copy("COPY lead (company, stage) FROM STDIN (FORMAT binary)") as copy:
            copy.set_types(["text", "text"])
            copy.write_row(("Copied 3", "moot"))
    except psycopg.Error as error:
        print("binary COPY of no stage", error.sqlstate, sep="|")

    # Statements prepared before a publish follow the new version after it, in
    # a session that was open all the time.
    def save(employees):
        return db.execute("UPDATE lead SET employees = %s WHERE id = %s RETURNING fit_score", (employees, lead), prepare=True).fetchone()[0]

    def insert(company):
        return db.execute("INSERT INTO lead (company, employees) VALUES (%s, 500) RETURNING fit_score", (company,), prepare=True).fetchone()[0]

    scores = [save(1000 + n) for n in range(8)] + [insert("P1")]
    with psycopg.connect(f"host={host} port={port} user=modeller dbname=postgres", autocommit=True) as other:
        other.execute("UPDATE lead_stage.rule SET points = 25 WHERE name = 'large'")
        scores += [save(2000)]
        other.execute("SELECT lead_stage.publish('crm')")
        scores += [save(3000 + n) for n in range(2)] + [insert("P2")]
        # A column the prepared statements' model reads gets another name.
        other.execute("ALTER TABLE lead RENAME COLUMN need TO needs")
        scores += [save(4000)]
        other.execute("ALTER TABLE lead RENAME COLUMN needs TO need")
        # Without a model nothing is scored; then it is again.
        other.execute("SELECT lead_stage.unpublish('lead')")
        scores += [insert("P3")]
        other.execute("SELECT lead_stage.republish('lead')")
        scores += [insert("P4")]
    print("prepared", *scores, sep="|")
    try:
        db.execute("UPDATE lead SET stage = %s WHERE id = %s", ("customer", lead), prepare=True)
    except psycopg.errors.CheckViolation as error:
        print("refused", refusal(error), sep="|")

    # A batch in one round trip: the refused statement undoes the transaction.
    try:
        with db.pipeline(), db.transaction():
            db.execute("UPDATE lead SET company = %s WHERE id = %s", ("lost", lead))
            db.execute("UPDATE lead SET stage = %s WHERE id = %s", ("customer", lead))
            db.execute("UPDATE lead SET company = %s WHERE id = %s", ("lost too", lead))
    except psycopg.errors.CheckViolation as error:
        print("pipeline refused", error.diag.constraint_name, sep="|")
    print("pipeline undone", db.execute("SELECT company FROM lead WHERE id = %s", (lead,)).fetchone()[0], sep="|")
    db.cursor().executemany("UPDATE lead SET owner = %s WHERE company = %s", [("ann", "P1"), ("bob", "P2")])

    # With a savepoint the rest of the transaction stands.
    with db.transaction():
        db.execute("UPDATE lead SET company = 'kept' WHERE id = %s", (lead,))
        try:
            with db.transaction():
                db.execute("UPDATE lead SET stage = %s, company = 'gone' WHERE id = %s", ("nurture", lead))
        except psycopg.errors.CheckViolation as error:
            print("savepoint", error.diag.constraint_name, sep="|")
    print("kept", *db.execute("SELECT company, stage FROM lead WHERE id = %s", (lead,)).fetchone(), sep="|")
