"""A Django application over an attached table: a model class of all its columns
and no code that knows of lead_stage.  Prints what 140_clients.pl compares."""
import sys

import django
from django.conf import settings
from django.db import IntegrityError, models, transaction

host, port, user = sys.argv[1:]
settings.configure(
    DATABASES={"default": {"ENGINE": "django.db.backends.postgresql", "NAME": "postgres",
                           "HOST": host, "PORT": port, "USER": user}},
    USE_TZ=True, TIME_ZONE="America/New_York", DEFAULT_AUTO_FIELD="django.db.models.BigAutoField")
django.setup()


class Lead(models.Model):
    company = models.CharField(max_length=100)
    employees = models.IntegerField(null=True)
    need = models.TextField(null=True)
    stage = models.CharField(max_length=20, default="lead")
    stage_since = models.DateTimeField(null=True)
    stage_reason = models.TextField(null=True)
    fit_score = models.IntegerField(null=True)
    owner = models.TextField(null=True)

    class Meta:
        app_label = "crm"
        db_table = "lead"
        managed = False


def show(what, lead):
    fresh = Lead.objects.get(pk=lead.pk)
    print(what, fresh.company, fresh.stage, fresh.stage_reason, fresh.fit_score, fresh.owner, sep="|")


lead = Lead.objects.create(company="Respira", employees=500)
show("created with every column", lead)

# Two web requests read the lead; one moves it, the other then saves its copy.
first = Lead.objects.get(pk=lead.pk)
second = Lead.objects.get(pk=lead.pk)
first.need, first.owner, first.stage = "oxygen", "ann", "sql"
first.save()
show("moved by a full save", lead)
second.company, second.owner = "Respira Inc.", "nobody"
second.save()
show("saved from a stale copy", lead)
print("the first copy is stale as well", first.stage_since < Lead.objects.get(pk=lead.pk).stage_since, sep="|")

# A fresh copy may move it, and what it computes itself is ignored.
fresh = Lead.objects.get(pk=lead.pk)
fresh.stage, fresh.stage_reason, fresh.fit_score = "nurture", "no budget", 999
fresh.save()
show("moved by a fresh copy", lead)

try:
    with transaction.atomic():
        fresh = Lead.objects.get(pk=lead.pk)
        fresh.stage = "customer"
        fresh.save()
except IntegrityError as error:
    diag = error.__cause__.diag
    print("refused", diag.sqlstate, diag.constraint_name, diag.table_name, diag.message_primary, sep="|")
show("after the refusal", lead)

# JavaScript's dates, for one, have milliseconds only: that copy is not stale.
rounded = Lead.objects.get(pk=lead.pk)
rounded.stage_since = rounded.stage_since.replace(microsecond=rounded.stage_since.microsecond // 1000 * 1000)
rounded.stage = "mql"
rounded.save()
show("moved by a copy in milliseconds", lead)

# Many at once.
Lead.objects.bulk_create([Lead(company=f"Bulk {n}", employees=n * 60, need="masks") for n in range(1, 5)])
print("bulk_create", *Lead.objects.filter(company__startswith="Bulk").order_by("id").values_list("stage", flat=True), sep="|")
bulk = list(Lead.objects.filter(company__startswith="Bulk", stage="mql").order_by("id"))
for each in bulk:
    each.stage, each.owner = "sql", "bob"
Lead.objects.bulk_update(bulk, ["stage", "owner"])
print("bulk_update", *Lead.objects.filter(company__startswith="Bulk").order_by("id").values_list("stage", flat=True), sep="|")
print("update", Lead.objects.filter(stage="sql").update(stage="nurture", stage_reason="no time"), sep="|")
print("counted", *Lead.objects.values_list("stage").annotate(n=models.Count("id")).order_by("stage"), sep="|")
found, made = Lead.objects.get_or_create(company="Respira Inc.")
print("get_or_create", found.pk == lead.pk, made, sep="|")
with transaction.atomic():
    locked = Lead.objects.select_for_update().get(company="Bulk 1")
    locked.employees = 1000
    locked.save(update_fields=["employees"])
show("saved under a lock", locked)
Lead.objects.filter(company="Bulk 4").delete()
