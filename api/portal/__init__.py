"""The portal: pages for people, at `/portal`. Each page is made of what the API answers to its reader, asked within the process
(`api.portal.calls`): who may see or do what, the log of look-ups, second signatures and idempotency are the API's, and nothing else's.
"""
