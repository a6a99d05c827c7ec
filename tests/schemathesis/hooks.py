"""What schemathesis cannot know of Portcullis.

Hooks make requests good; none makes an answer look good. What is passed over is in schemathesis.toml.
"""

import itertools
import re

import schemathesis

import formats
import things

formats.register()
schemathesis.auth.set_from_requests(things.Credentials()).skip_for(path_regex="^/api/openapi")

ID = re.compile("[0-9a-f]{24}")
CLIENT_ID = re.compile("mdb_sa_id_[0-9a-f]{24}")

# Identifiers that answers have told: requests that are made of answers keep them.
told = {things.OWN_KEY, things.OWN_ACCOUNT}
calls = itertools.count(1)


@schemathesis.hook
def before_call(context, case, kwargs):
    """Makes a well-formed identifier that nothing has mean something, but in one call of twenty."""
    case.headers.setdefault("Accept", things.VERSION)
    if case.path.startswith("/api/oauth/"):
        authenticate_once(case.body)
    elif next(calls) % 20 != 0 or harms_the_caller(case) or may_be_full(case):
        mean_something(case)


def harms_the_caller(case):
    """What happens to the credentials that all requests are made with happens to the run."""
    return case.method != "GET" and {things.OWN_KEY, things.OWN_ACCOUNT} & set(case.path_parameters.values())


def is_new_secret(case):
    return case.method == "POST" and case.path.endswith("/secrets")


def may_be_full(case):
    """An account may have two secrets, so that a third of one that is known is refused, and rightly."""
    return is_new_secret(case) and case.path_parameters.get("clientId") in told


def mean_something(case):
    named = case.path_parameters
    if ID.fullmatch(str(named.get("orgId"))):
        named["orgId"] = things.SETTINGS_ORG if case.path.endswith("/settings") else things.ORG
    harmful = harms_the_caller(case)
    if made_up(named.get("apiUserId"), ID) or (harmful and "apiUserId" in named):
        named["apiUserId"] = things.fresh_key()
    client, secret = named.get("clientId"), named.get("secretId")
    if CLIENT_ID.fullmatch(str(client)) and (
        harmful or is_new_secret(case) or made_up(client, CLIENT_ID) or made_up(secret, ID)
    ):
        account = things.fresh_account()
        named["clientId"] = account["clientId"]
        if ID.fullmatch(str(secret)):
            named["secretId"] = account["secrets"][0]["id"]


def made_up(identifier, form):
    return form.fullmatch(str(identifier)) and identifier not in told


def authenticate_once(form):
    """The credentials are in the header, so that others in the form would make two ways of one client."""
    if isinstance(form, dict) and CLIENT_ID.fullmatch(str(form.get("client_id"))):
        form.pop("client_id")
    if isinstance(form, dict) and isinstance(form.get("client_secret"), str):
        form.pop("client_secret")


@schemathesis.hook
def after_call(context, case, response):
    for name in ("id", "clientId"):
        told.update(re.findall(f'"{name}":"([^"]+)"', response.text))
