"""Runs Canaille, an OpenID provider, on this machine with one client and its users. Its environment is not the project's:
`tests.api.openid.provider` makes one and starts this file in it. What it is told comes as JSON on the command line.
"""

from __future__ import annotations

import datetime as dt
import json
import os
import sys
from typing import Any

os.environ["AUTHLIB_INSECURE_TRANSPORT"] = "1"

from canaille import create_app
from canaille.app import models
from canaille.backends import Backend
from joserfc.jwk import JWKRegistry
from werkzeug.serving import make_server


def main(told: dict[str, Any]) -> None:
    key = JWKRegistry.generate_key("RSA", 2048)
    key.ensure_kid()
    server_name = f"127.0.0.1:{told['port']}"
    app = create_app(
        {
            "ENV_FILE": None,
            "SECRET_KEY": os.urandom(32).hex(),
            "WTF_CSRF_ENABLED": False,
            "PREFERRED_URL_SCHEME": "http",
            "SERVER_NAME": server_name,
            "SESSION_COOKIE_SECURE": False,
            "CANAILLE": {"DATABASE": "sql", "JAVASCRIPT": False, "ACL": {"DEFAULT": {"PERMISSIONS": ["use_oidc"]}}},
            "CANAILLE_SQL": {"DATABASE_URI": f"sqlite:///{told['database']}"},
            "CANAILLE_OIDC": {"ACTIVE_JWKS": [key.as_dict(private=True)]},
        }
    )
    with app.app_context():
        for name, password in told["users"].items():
            user = models.User(user_name=name, family_name=name, formatted_name=name, emails=[f"{name}@example.com"], password=password)
            Backend.instance.save(user)
        client = models.Client(
            client_id=told["client_id"],
            client_secret=told["client_secret"],
            client_name="tallystick",
            client_id_issued_at=dt.datetime.now(dt.UTC),
            redirect_uris=told["redirect_uris"],
            grant_types=["authorization_code"],
            response_types=["code"],
            scope=["openid", "profile"],
            token_endpoint_auth_method="client_secret_basic",
            # Access tokens have to differ, and nothing in them does within a second but a signature that is never the same twice.
            id_token_signed_response_alg="PS512",
        )
        Backend.instance.save(client)
        client.audience = [client]
        Backend.instance.save(client)
    server = make_server("127.0.0.1", told["port"], app, threaded=True)
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    server.serve_forever()


main(json.loads(sys.argv[1]))
