"""Updates, the agent's half: asks for them, fetches what the fleet has signed, hands it over to root's switcher.

    rhythm    when to ask                       check    what the server answers
    job       what agent and fetcher tell each other, a JSON object a line
    child     the fetcher as the agent sees it: a process of its own, bounded in time
    fetcher   that process: trust, space, archive, hand-over
    trust     the root it all hangs on          metadata what the fleet has signed, by python-tuf
    channel   answers of the server, streamed   download the archive, resumed
    reuse     the archive out of files that the running release has already
    ready     the hand-over                     ledger   steps that the server has not been told yet
    told      the switcher's answer             following what a person at a terminal sees of it all

Only `metadata` imports python-tuf, in the fetcher alone: it takes 20 MB, and the agent runs for months.
"""
