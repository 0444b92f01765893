"""Docstrings and comments of plugins/ and roles/; apply last. python3 /tmp/w/words2.py ROOT [--dry]"""

import sys

from wordtool import run

TABLE = r'''
@ plugins/*
# --- action plugins, _background
- Runs a module on the host by itself, and gives up a host that is gone.
+ Runs a module in the background on the host, and gives up on a host that is gone.
- Ansible's own `async` waits for a dead host as long as the task may take, an hour and more.
+ Ansible's own `async` waits for a dead host until the task times out, an hour or more.
- Its processes carry the job's name; written so that the command that looks for it does not.
+ The job's name is in the command lines of its processes; the pattern keeps grep from finding itself.
- Runs ollama_model and tells how far its download is, without -v.
+ Runs ollama_model and shows the progress of its download, without -v.
- The module ends by its own deadline; this is for the case that it cannot.
+ The module has a deadline of its own; this is for the case that it does not end.
- The module runs on the host by itself: whatever ends this play, the download goes on or can be resumed.
+ The module runs in the background on the host: if the play ends, the download continues or can be resumed.
- Where the module writes how far it is, and the process that does.
+ Where the module writes its progress, and its process.
- The module says in its own words what is wrong with it.
+ The module itself reports what is wrong with it.
- A module that runs on a host by itself, and is followed until it or the host is gone. Private to this collection.
+ A module that runs in the background on a host and is polled until it ends or the host is gone. Private.
- Quick at first, so that what is done already costs no waiting.
+ Short at first, so that a module that is already done costs no waiting.
- A host that cannot be reached for so long is given up: Ansible's own polling waits as long as the task may take.
+ After this time without a connection we give up on the host; Ansible's own polling waits until the task times out.
- Whatever ends the play, the module goes on to its own end.
+ The module keeps running even if the play ends.
- What is returned where the module is no more and has left no result.
+ The result if the module is gone and has left none.
- Whether the module still runs; the place to tell how far it is.
+ Whether the module still runs; also the place to show progress.
- Else the executor would poll this task a second time.
+ Otherwise the executor would poll this task again.
- Poll until the module has ended; a connection that is lost for a while is no end.
+ Poll until the module has ended; a connection that is lost for a while does not count.
- After a reboot its number may be another process's, or it was never told.
+ After a reboot the PID may belong to another process, or it was never known.
# --- _engine
- What the host's kernel counted for a container: OOM kills, memory, processor time. Private.
+ The kernel's counters for a container: OOM kills, memory, CPU time. Private.
- Counters of one container; None where this kernel does not say.
+ Counters of one container; None if the kernel does not have them.
- An answer that comes in pieces has none missing for so long.
+ A streamed response does not pause for longer than this.
- How many clients of that port wait for an answer; where the kernel does not tell, how many are connected.
+ How many clients of that port wait for a response; if unknown, how many are connected.
- Of what `ss -ti` prints: those that have asked and were not answered since, or are being answered.
+ Counts in the output of `ss -ti` the connections that wait for a response or are receiving one.
- A connection that a client keeps for its next question was answered, and then nothing more came.
+ An idle keep-alive connection got its response, and no request followed.
- # What is 0 is not printed.
+ # Zeros are not printed.
- The Engine cannot be asked; str() is a sentence for the operator.
+ A request to the Engine failed; str() is a sentence for the operator.
- What inspect says of one container of a Compose project; raw is the whole answer.
+ One container of a Compose project as inspect returns it; raw is the whole response.
- A volume and the folder that holds its files now, or why there is none.
+ A volume and the folder with its files, or why there is none.
- Every container of a Compose project (one service of it), stopped ones and not one-off ones.
+ All containers of a Compose project or of one service, including stopped but not one-off ones.
- The names of containers on a network, stopped ones too, that no service of this project runs.
+ The names of containers on a network, including stopped ones, that do not belong to this project.
- A volume of a Compose project by the name its file gives it, or by its real name.
+ A volume of a Compose project by its name in the compose file, or by its real name.
- Stop and start a container; one that does not end by itself in 10 s is killed.
+ Restart a container; it is killed if it does not stop within 10 s.
- """Give the connection back."""
+ """Close the connection."""
- requests' errors are OSError; the SDK lets them through.
+ Errors of requests are OSErrors; the SDK does not wrap them.
- Why this is not the address of the host's own Engine, in a sentence; none if it is.
+ A sentence if this is not the address of the host's own Engine; else nothing.
- An inspect answer as a Container.
+ Convert an inspect response to a Container.
- An inspect answer as a Volume.
+ Convert an inspect response to a Volume.
- A network filesystem's options may carry a password: its keys say enough.
+ The options of a network filesystem may contain a password, so only the keys are shown.
# --- _entry
- How every module ends: in one sentence whatever happens, and in time whether or not anybody waits. Private.
+ How every module ends: with one sentence whatever happens, and before its deadline. Private.
- What is given to the way out of a module whose time is up, before it is ended where it stands.
+ Time for the clean-up of a module after its deadline, before it is killed.
- The most an operator may give it: a month.
+ The largest deadline an operator may set: a month.
- The deadline; nothing on the way out may take it for an error of its own.
+ The deadline has passed; a BaseException, so that no other code handles it.
- Let the block run so long at most; fail(kind, sentence) is told what ended it otherwise.
+ Limit the time of the block; fail(kind, sentence) is called for a timeout or an unexpected error.
- What nobody expected, in one word and one sentence.
+ The kind of an unexpected error, and a sentence about it.
- An OSError alone is no sentence.
+ An OSError as a sentence.
- Raise TimeIsUp at the deadline; what has not ended some seconds later says its last word and is gone.
+ Raise TimeIsUp at the deadline; if the block has not ended some seconds later, call last_word and exit.
- Only there a signal is heard; tests run modules elsewhere.
+ Signals are only handled in the main thread; tests run modules in others.
~ From the options of ollama_model to its result: finds store and Engine, then lets the others work. Private.
+ From the options of ollama_model to its result: finds the store and the Engine, then installs. Private.
- Where a store would be on a host that has no Engine yet: nothing is there, which is the truth.
+ The store of a host without an Engine: an empty one.
- The module's result; what it raises is what the operator must read.
+ The module's result; exceptions carry the message for the operator.
- Made only where something is to be pulled: check mode predicts without an Engine as well.
+ Connect only if something has to be pulled: check mode works without an Engine.
~ The wanted models, once everything is known to be possible; InputInvalid lists all mistakes.
+ The wanted models, after all options were checked; InputInvalid lists all mistakes.
~ Restart what may hold replaced bytes; returns the names.
+ Restart the containers that may use replaced files; returns their names.
- The first is the one the backend asks for; of the others only what was loaded is loaded again.
+ The backend asks for the first; of the others, only those that were loaded are loaded again.
- The one word a playbook can branch on.
+ The failure in one word, for playbooks.
# --- _install
~ Puts models into a store and takes them out: blobs first, manifest last, each on disk before the next. Private.
+ Installs models in a store and removes them: blobs first, manifest last, each flushed before the next. Private.
- A file in blobs/ this young may belong to a pull by hand that takes no lock; Ollama (0.21) waits as long.
+ A file in blobs/ this young may belong to a manual pull, which takes no lock; Ollama (0.21) waits as long.
~ What is wrong with a file whose bytes are right.
+ Problems of files whose content is correct.
~ A whole model, but another one than the pinned.
+ An intact model, but not the pinned one.
- A model could not be put in place; str() is a sentence for the operator.
+ A model could not be installed; str() is a sentence for the operator.
~ """A model as asked for."""
+ """A wanted model."""
- What lies between a model and its being here, whole.
+ What has to be done until a model is installed and intact.
- What the serving user could not read; fetched files come with the right mode.
+ What the server could not read; downloaded files get the right mode.
- Whether a server may have served this name: something lay where its manifest belongs.
+ Whether a server may have served this name: there was something at the path of its manifest.
- The bad files that give way to good ones.
+ The damaged files that are replaced.
- Whether a running server goes on with what it read before (resident weights, cached answers).
+ Whether a running server may still use what it read before (weights in memory, cached responses).
- """What installing needs at hand."""
+ """The objects that an installation needs."""
- Whether the manifest on disk, if any, is not the one to go by.
+ Whether there is no usable manifest on disk.
- Digests of the blobs that must come again.
+ Digests of the blobs that must be downloaded again.
- Look at what is here; ask the registry only for a manifest that is not. touch allows to fsync.
+ Check the store; ask the registry only for a missing manifest. touch allows fsync.
- A receipt promises bytes that survive a power cut, so they go to disk before they are hashed.
+ A receipt means that the bytes survive a power cut, so they are flushed before they are hashed.
- What must come over the network, what earlier runs left behind already taken off.
+ Bytes to download, without those that earlier runs already downloaded.
- Before the first byte: everything must fit, on the disk the store is or will be on.
+ Before the download starts: everything must fit on the disk of the store.
- Nothing is written where somebody else than root could have made what is there, or could change it.
+ Nothing is written where users other than root could have created or could change files.
- With `repair: false` a damaged model is reported, not mended.
+ With `repair: false` a damaged model is reported, not repaired.
- Make every plan true; returns the proof for all blobs of these models.
+ Carry out all plans; returns the file keys of all verified blobs.
- A server that was started while we fetched has read the old bytes.
+ A server that was started during the download has read the old files.
- Fetch what this model lacks; says which blobs it could not get.
+ Download the missing blobs; the error lists those that could not be downloaded.
- What was derived from the bad bytes: Ollama's (0.34) header cache, its own unfinished pull.
+ Files derived from the bad blob: Ollama's (0.34) header cache, its own incomplete pull.
- A manifest somebody else wrote, and the folders down to it, are on disk before a receipt speaks of them.
+ Flush a manifest that others wrote, and its folders, before a receipt is written.
- Ours are made right, but a new model may go into folders somebody else made.
+ Our own folders have the right mode, but a new model may go into folders that others created.
- Give files and folders the mode the server needs; returns the keys that moved with it.
+ Give files and folders the mode the server needs; returns the changed file keys.
- Our chmod moved ctime, and only that: the proof holds for the file as it is now.
+ Our chmod changed ctime only, so the file is still verified.
- Its time is when bytes a server may have read were last replaced; gone once it was restarted.
+ Its mtime is when files that a server may have read were last replaced; removed after the restart.
- Should this run be killed before the restart, the next one knows. A reboot restarts the server by itself.
+ If this run is killed before the restart, the next one knows. A reboot restarts the server anyway.
- When bytes a server may have read were last replaced; None where no restart is owed for it.
+ When files that a server may have read were last replaced; None if no restart is due.
- Rename source over target, whatever sits there; the name is on disk once its folder is synced.
+ Rename source over target, whatever target is; the caller syncs the folder.
- Renames are what makes installing safe, and they do not cross file systems.
+ Installing relies on atomic renames, which do not work across file systems.
- What goes with a model; kept_because says why blobs stay although their model goes.
+ What is removed with a model; kept_because says why blobs are kept.
- The manifest at path, and the blobs no other uses; going are manifests that leave in the same run.
+ The manifest at path, and the blobs that no other uses; going are manifests that are removed in the same run.
- Manifest first: a crash then leaves bytes too many, never a model without its bytes.
+ Manifest first: a crash then leaves unused blobs, never a model without blobs.
- Leftovers that can go: not while a manifest that may want them cannot be read, nor while they are young.
+ Leftovers that can be removed: none while a manifest that may use them is unreadable, and no recent ones.
- In our own folder the lock we hold is proof enough.
+ In our own folder holding the lock is enough.
- Brings one blob to this host: several connections, resumed after any cut, hashed on the way. Private.
+ Downloads one blob: several connections, resumable, hashed during the download. Private.
- The disk writes along instead of at the last sync, while nothing else is left to do: a tenth of the whole time.
+ Start writing to disk early, instead of at the last sync when nothing else is left to do: a tenth of the total time.
- What a file system needs besides the bytes: extent trees, the manifest, our records.
+ What a file system needs besides the data: extent trees, the manifest, our records.
- How many bytes from the start are there without a gap.
+ How many bytes from the start are complete.
- The extents a progress record vouches for in a file of held bytes; None when it is none.
+ The extents that a progress record confirms in a file of held bytes; None if the record is invalid.
- A killed process leaves its bytes to the kernel, a power cut only those that were synced.
+ After a kill all written bytes are there, after a power cut only those that were synced.
- Where a blob grows: named as in the store, so that a survey can say what it is.
+ The partial file of a blob: named as in the store, so that a survey can say what it is.
- """How hard to pull, and when to give up."""
+ """Number of connections, and when to give up."""
- Open or begin the file, and take over what its record vouches for.
+ Open or create the file, and keep what its record confirms.
- All there but nobody vouches for it: the hash will tell.
+ The full size but no record: the hash will tell.
- Else a power cut soon after a resume would lose what the earlier runs had.
+ Otherwise a power cut soon after a resume would lose what earlier runs downloaded.
- Vouch for done, for this boot; with sync for what comes after a power cut too.
+ Record done for this boot; with sync also for after a power cut.
- Proven: on disk with its final mode; without a record the file vouches for itself.
+ Verified: flush it with its final mode and remove the record.
- A range in work; opened is an answer that is already there for it.
+ A range to download; opened is a response that was already received for it.
- Called after each read; the time it is.
+ Call after each read; returns the current time.
- Fetch what is missing; returns the digest of the whole.
+ Download what is missing; returns the digest of the whole file.
~ Its tries may have taken their time.
+ Its retries may have taken some time.
- Ask for the first range, and learn from its answer how the rest can be had.
+ Request the first range; the response shows whether the server supports ranges.
- Ranges are ignored here: one connection, in file order, so that nothing is sent twice.
+ The server ignores ranges: one connection, in file order, so that nothing is sent twice.
- Stop, and keep what has come; a thread held by a silent socket is not waited for.
+ Stop and keep what was downloaded; do not wait for threads that are blocked on a socket.
- This one waits for nothing but the disk, and the kernel tells a write error once: to it, and not to the seal.
+ This one waits only for the disk, and the kernel reports a write error once: to it, and not to seal().
- The end of the contiguous bytes, once it lies beyond position, or when all stops.
+ The end of the contiguous bytes, once it is beyond position, or when the download stops.
- One connection's life: range after range.
+ One connection: download range after range.
- Leave a range to the others; False when there are none: some servers allow few at once.
+ Return a range to the others; False if there are none: some servers allow few connections.
- Fill one range, over as many answers as it takes while bytes keep coming.
+ Download one range, with as many responses as it takes while data keeps arriving.
- Write what one answer carries; todo.start follows.
+ Write one response to the file; updates todo.start.
- Bring a blob into folder; returns the path of a file that is proven and on disk.
+ Download a blob to folder; returns the path of the verified and flushed file.
- What an earlier run left may have been lost in a power cut: once more, from nothing.
+ What an earlier run left may have been damaged by a power cut: download it again.
- What the disk refused stays in memory as if it were written: the next run would take it for whole.
+ After a failed write the page cache still has the data: the next run would take it as complete.
- Refuse to begin what cannot end: todo bytes must fit where folder is or will be, with a margin.
+ Refuse to start if todo bytes plus a margin do not fit on the file system of folder.
- What a partial already occupies on disk, holes not counted.
+ What a partial file already occupies on disk, without holes.
- Brings a store from what it is to what is wanted, or says what that would take. Private to this collection.
+ Brings a store to the wanted state, or in check mode predicts how. Private to this collection.
- What is asked for; check is check mode.
+ The requested state; check is check mode.
- A server that runs goes on with what it read before.
+ A running server still uses what it read before.
- Every wanted model is in the store, whole; look first, write only what is wrong.
+ Make sure that every wanted model is in the store and intact; look first, write only what is wrong.
- Whether nothing needs doing, or looking at more closely.
+ Whether nothing has to be done or checked further.
- What a receipt proved keeps that one: with a fresh date its bytes would never be read again.
+ Blobs verified by a receipt keep it: with a new date they would never be read again.
- What was hashed a moment ago is proven, with a receipt or without.
+ Blobs that were just hashed are verified, with or without a receipt.
- None of these models is in the store, nor what only they used.
+ Make sure that none of these models is in the store, nor the blobs that only they used.
- Else what lies behind a link would pass for absent.
+ Otherwise what is behind a link would count as absent.
- An entry of the module's `models` while nothing was done to it.
+ An entry of the module's `models` before any change.
- Remove what no model uses; a run that installed never does, what it replaced may still be wanted back.
+ Remove what no model uses; never in a run that installed, as what it replaced may still be needed.
- In check mode they are still there, and told with their model.
+ In check mode they are still there, and reported with their model.
- Be the only writer; check mode writes nothing, a lock included.
+ Hold the store lock; check mode writes nothing, so it takes none.
- How far a download is: written by the module on the host, told by the action plugin. Private.
+ Progress of a download: written by the module on the host, shown by the action plugin. Private.
- Adds up what was fetched and keeps the record at path fresh; without a path it only adds.
+ Counts what was downloaded and updates the record at path, if there is one.
- All bytes of this run, those an earlier run left behind included.
+ Set the total bytes of this run, including those that an earlier run left.
- What goes on while there is nothing to count.
+ What happens while nothing is downloaded.
- Only a courtesy to whoever watches: a full disk here must not fail the download.
+ Progress is optional: a full disk here must not fail the download.
- The process that writes the record, 0 when it says none.
+ The process that writes the record, 0 if unknown.
~ Bytes in the unit people read.
+ Bytes in a readable unit.
- The fallback: Ollama's own pull in a one-off container like the stack's init, proven by us afterwards. Private.
+ The fallback: Ollama's own pull in a one-off container like the stack's init, verified afterwards. Private.
- What a container of the stack was told about the way to the registry.
+ Environment variables for the access to the registry.
- Exit code and output; the container is gone afterwards, one a killed run left behind too.
+ Exit code and output; removes the container afterwards, also one that a killed run left.
- A container like the init service's, with its image, network and way out, that pulls these models.
+ A container like the init service's, with its image, network and proxy, that pulls these models.
- Ollama's words for what went wrong as one of ours.
+ Map Ollama's error message to one of our kinds.
- As ensure_present, but what is missing or damaged comes by `ollama pull`.
+ Like ensure_present, but with `ollama pull` for what is missing or damaged.
- What a pull would leave; which manifest comes, only the registry knows.
+ The state after a pull; the digest of an unpinned model is unknown.
- Every byte hashed, after it is on disk: `pull` itself syncs nothing and trusts any file of the right name.
+ Flush and hash all blobs: `pull` itself syncs nothing and trusts any file with the right name.
- Pull trusts what has the right name and stumbles over old partials; what it does not replace comes back.
+ Pull trusts any file with the right name and fails on old partials; what it does not replace is restored.
# --- _model
- What is read of a file: the largest vocabularies, merges included, take some 20 MB.
+ How much of a file is read: the largest vocabularies with merges take some 20 MB.
- Longer lists are vocabularies; what is told for each layer is shorter.
+ Longer lists are vocabularies; lists per layer are shorter.
- Those whose every layer keeps keys and values of the whole context. Of others nobody here knows how much they keep.
+ Families in which every layer keeps keys and values of the whole context. For others it is not known how much.
- A place in the bytes of a header; every step moves it on, so that no count can keep it for ever.
+ A position in a header; every step advances it, so that no count can make it loop forever.
- A vocabulary: hundreds of thousands of words to step over, and none that anybody asks for.
+ A vocabulary: hundreds of thousands of words that are not needed, so skip them.
- Memory of the keys and values for requests of so many tokens; 0 where that is not known. Never too much.
+ Memory for the keys and values of this many tokens; 0 if unknown. Never an overestimate.
- One number for all layers, or one for each; without it every head has its own.
+ One number for all layers, or one per layer; without it every head has its own.
- Ollama gives no model more than it was trained with; a window may be all that is kept.
+ Ollama never exceeds the trained context; some models only keep a sliding window.
- What registries cap a manifest at; anything larger in its place is not one.
+ The limit that registries have for manifests.
- Not a manifest Ollama could use; str() says in a few words what it is instead.
+ Not a manifest that Ollama can use; str() says briefly what it is instead.
- Each blob once, the largest first: whatever goes wrong goes wrong with the weights.
+ Each blob once, the largest first: problems are most likely with the weights.
- Read a manifest's bytes; ManifestInvalid says what they are instead of one.
+ Parse a manifest; ManifestInvalid says what is wrong.
- Python turns a million digits into a number in quadratic time.
+ Python parses a number of a million digits in quadratic time.
- The digest becomes a file name: nothing but a digest may pass.
+ The digest becomes a file name, so it must be valid.
- A model name Ollama would not take; str() is a sentence for the operator.
+ A model name that Ollama does not accept; str() is a sentence for the operator.
- NameInvalid for a port that no registry can have: Ollama takes it for a name, and fails as late as we would.
+ Raise NameInvalid for an invalid port, which Ollama would accept and only fail on later.
- Whether two names mean one model; a name Ollama cannot parse equals nothing.
+ Whether two names mean the same model; a name that Ollama cannot parse equals nothing.
- Why this Ollama must not serve, "" when it may or nobody can tell.
+ Why this Ollama must not be used, "" if it may or the version is unknown.
- 0.0.0 is what a build without a version calls itself.
+ A build without a version reports 0.0.0.
# --- _registry
- What a registry may answer for a model: Ollama's own type, and what other registries store it as.
+ Media types for a model's manifest: Ollama's own, and that of other registries.
- Seconds between tries when a server answers 5xx or hangs up: 7 s in all, a restart of a registry.
+ Seconds between retries after HTTP 5xx or a closed connection: 7 s in total, enough for a restart of a registry.
- What stood between us and a model; str() is a sentence for the operator.
+ A request to a registry failed; str() is a sentence for the operator.
- No conversation was possible: name, route, port or patience ran out.
+ No connection: name, route, port or timeout.
- The TLS certificate was not one we trust.
+ The TLS certificate is not trusted.
- 5xx or 429, after the bounded tries.
+ 5xx or 429, after the retries.
- The other side hung up in the middle.
+ The server closed the connection early.
- An answer that is not what the protocol promises.
+ A response that violates the protocol.
- How registries may be reached, and as whom.
+ How to reach registries, and with which logins.
- The moment at which everything must be over.
+ The time at which everything must be done.
- A URL fit for people: what signs a request stays out of messages.
+ A URL for messages, without credentials or signatures.
- What two URLs must share for credentials to go to both.
+ Two URLs with the same origin may get the same credentials.
- Where a model's registry answers; a mirror stands in for the default registry only.
+ Base URL of a model's registry; a mirror replaces the default registry only.
- Where there is a mirror, it alone is meant to be insecure.
+ With a mirror, insecure applies to the mirror only.
- Refuse a mirror we could not, or should not, speak to.
+ Refuse an invalid or insecure mirror URL.
- Where a redirect leads, refused unless it is as safe as where we are.
+ The target of a redirect, refused if it is less secure.
- Parse WWW-Authenticate; None when it asks for nothing we can give.
+ Parse WWW-Authenticate; None if the scheme is not supported.
- What OpenSSL says where a certificate is not signed by anybody it was told of; all else is wrong in the certificate.
+ OpenSSL's codes for an unknown CA; for all others the certificate itself is wrong.
- Turn what urllib raises into one of our sentences.
+ Turn an exception of urllib into one of our errors.
- OpenSSL has errors of its own for a connection that ends in the middle.
+ OpenSSL has its own errors for a connection that is closed early.
- Raise unless the answer carries what was asked for.
+ Raise unless the response has the requested content.
- Whether the server may answer otherwise in a moment.
+ Whether a retry may succeed.
- Split a URL, None when it is none: a bad port or bracket only shows when asked for.
+ Split a URL, None if it is invalid: a bad port or bracket only raises on access.
- What comes from a socket, none of it after a moment: the socket's own time-out starts anew with every byte.
+ Reads from a socket with a deadline: the socket's own timeout starts again with every byte.
- From here on each read has the socket's time-out again.
+ From here on each read has the socket's own timeout.
- Its status and headers must come within one time-out, a proxy's included; its body goes by the reader's clock.
+ Status and headers, also those of a proxy, must arrive within one timeout; the body has the reader's limits.
- Where an answer points is ours to judge.
+ Redirects are checked by next_hop.
- One registry, spoken to under one deadline.
+ A client for one registry, with one deadline.
- A silent connection is made anew at half time, before the whole counts as stalled.
+ A silent connection is replaced after half the time, before the download counts as stalled.
- Added to the public ones, as a registry of one's own may point to blobs elsewhere.
+ In addition to the public CAs, as a private registry may redirect to blobs elsewhere.
- Python 3.13 asks of an authority what many a private one, which Docker and Ollama take, does not have.
+ Python 3.13 requires extensions that many private CAs, which Docker and Ollama accept, do not have.
- A small body, whole or not at all.
+ A small body, complete or an error.
- What has arrived of a body, b"" at its end.
+ What has arrived of the body, b"" at its end.
- Try again, a bounded number of times, after what may pass by itself.
+ Retry a limited number of times after temporary errors.
- Get a URL of the registry, going where it points; also returns where that was.
+ Get a URL of the registry and follow redirects; also returns the final URL.
- One request; only the registry's own origin sees who we are.
+ One request; credentials go to the registry's own origin only.
~ Learn what to send to the origin of url; False when we have nothing it would take.
+ Get the credentials for the origin of url; False if there are none to try.
- What a registry's login says at the URL that asks; None where it must not be told.
+ The Authorization header for the URL that asks; None if the login must not be sent there.
- Ask the realm for a token: as whom the registry's login allows, else as nobody.
+ Request a token from the realm, with the registry's login if it may be sent there.
- One request, one answer, whatever its status; never goes elsewhere by itself.
+ One request and its response, whatever the status; does not follow redirects.
- Python encodes the name of a host itself, before anybody looks it up.
+ Python encodes the host name itself before resolving it.
- Where one blob's bytes come from: the registry, or wherever it pointed us, found once.
+ Source of one blob: the registry or the target of its redirect, which is kept.
- Ask for bytes [start, end); also returns the offset at which the answer begins.
+ Request bytes [start, end); also returns the offset at which the response starts.
- A signed address runs out in the middle of a long download: ask for a new one.
+ A signed URL may expire during a long download: request a new one.
- Bytes must arrive as they are stored: a digest is over those, and gzip can hide a bomb.
+ The body must not be compressed: the digest is that of the stored bytes, and gzip could be a bomb.
- The token in a token service's answer.
+ The token in a token service's response.
- Who to be at registries that ask for a login. Pure and private to this collection.
+ Logins for registries. Pure and private to this collection.
- Said, because Ansible takes every name with "token" in it for a secret.
+ Explicit, because Ansible treats every name with "token" in it as a secret.
- A host as names of images carry it; what else a URL may hold has no meaning for a login.
+ A host as in image names; other parts of a URL have no meaning for a login.
- Who to be at one registry, host[:port], and at its token service; nobody else is told.
+ The login for one registry, host[:port], and its token service; it is sent to no other host.
- The `registries` option, once find_mistakes has nothing against it.
+ The `registries` option as logins, after find_mistakes has found none.
- Docker's own registry goes by each of them.
+ Names of Docker's own registry.
- What the docker command calls a registry: Docker's own has a name from before there were others.
+ The docker command's name for a registry; for Docker's own it is a historic URL.
- Everything about the `registries` option that cannot be, without its secrets.
+ All mistakes in the `registries` option, without its secrets.
- Passwords that stand in what a module returns, where Ansible blanks them out, names and paths included.
+ Passwords that occur in a module's result, where Ansible would mask them, also in names and paths.
- What a registry has under a model's name now, compared with what was meant. Private to this collection.
+ What a registry has for a model's name now, compared with what is wanted. Private to this collection.
- How registries say that they serve no manifest by its digest.
+ Errors of registries that do not serve manifests by digest.
~ How a module's options let a registry be reached.
+ A module's options for the access to registries.
~ Everything about those options that cannot be.
+ All mistakes in those options.
- The manifest the registry has under a name, or with a pin exactly that one.
+ The registry's manifest for a name, or with a pin exactly that one.
- What a tag has left, a registry may still keep.
+ A registry may still have a manifest that no tag refers to.
- Whether the name still means the known manifest; nothing but the registry's manifest is read.
+ Whether the tag still refers to the known manifest; only the registry's manifest is read.
# --- _serve
- Ollama did not answer as it should; str() says how, in words.
+ A request to Ollama failed; str() says how.
- Nothing listens there, or the connection broke.
+ Connection refused or broken.
- No whole answer inside the deadline.
+ No complete response before the deadline.
- An answer, but not Ollama's JSON.
+ A response that is not Ollama's JSON.
- Ollama at one address; exchange is how a request gets there.
+ Ollama at one address; exchange sends a request.
- The models the server lists (their weights it never looked at).
+ The models that the server lists (it does not check their weights).
- What the server read from a model's header; fails on truncated or missing weights.
+ What the server reads from a model's header; fails on truncated or missing weights.
- Have one token generated; the seconds it took.
+ Generate one token; returns the seconds it took.
- Cuts a connection at its deadline, whatever its other end is doing.
+ Closes a connection at its deadline, whatever the server does.
- Gone already when the answer came in this very moment.
+ The socket may already be closed if the response has just arrived.
- Options that cannot be meant; str() lists all that is wrong with them.
+ Invalid options; str() lists all mistakes.
- It cannot be, for its volume was never made.
+ The volume does not exist.
- All that is known of the wanted models after one look.
+ The state of the wanted models after one look.
- What disk and server say of the wanted models; observe is how the server is asked, None not to.
+ The wanted models on disk and in the server; observe asks the server, None skips it.
- What serves must be what lies on the disk, wanted digest or not.
+ The server must use what is on the disk, whether it is the wanted digest or not.
- How assess_models asks the server of one Compose service, an Engine that is away included.
+ How assess_models asks the server of one Compose service; also handles a missing Engine.
- The Engine, or why there is none: a store can be read without one.
+ The Engine, or why it is not available: a store can be read without one.
- A module's `store`: what lies there beside whole models.
+ A module's `store`: what is there besides complete models.
- Nothing but a running server knows what it pinned: whatever hides that is unmet as well.
+ Only a running server knows what is pinned: if it cannot be asked, the expectation is not met.
~ Whether the stack's Ollama answers with the wanted models: one judgement (pure) and one probe. Private.
+ Whether the stack's Ollama answers with the wanted models: a pure judgement and a probe. Private.
- Below this share of one core a server that keeps a request waiting is stuck, not at work.
+ Below this share of one core a server that keeps a request waiting is stuck, not busy.
- What is wanted of one model while it serves.
+ What is wanted for one model.
- Everything seen of a serving Ollama, before anybody judges it.
+ Everything observed about a running Ollama.
- The module's `healthy`: ok, the facts, what makes it unhealthy (problems), what is only odd (warnings).
+ The module's `healthy`: ok, the facts, what makes it unhealthy (problems), other findings (warnings).
- One reason, in the shape every reader of `healthy` knows.
+ One problem, in the format of `healthy`.
- The API of a running container and its version: at an address of its own, else from inside.
+ The API of a running container and its version: at the container's address, else by exec.
- Makes a running server let go of weights that were replaced under it. Private to this collection.
+ Restarts a server whose files were replaced, and reloads its models. Private to this collection.
- The containers that may hold in memory what was replaced on disk at the time since.
+ The containers that may still use files that were replaced at the time since.
- The Engine's time as seconds, to the second below; 0 when it is none.
+ The Engine's time in whole seconds; 0 if it is invalid.
- Restart what serves and load what it held, and what is wanted; returns what failed, "" when nothing did.
+ Restart the servers and load the wanted models and those that were loaded; returns what failed, or "".
- A server that does not answer holds nothing worth loading.
+ A server that does not answer has no models to reload.
- Its health check runs every few seconds; until it has, whoever asks next would be told it is starting.
+ The health check runs every few seconds; until then the container would be reported as starting.
- A model removed from the disk stays in memory until the restart: it is not to come back.
+ A model that was removed from disk stays in memory until the restart, and is not loaded again.
# --- _stack
- What a backend that a person set up would lose when the role takes it over. Pure and private to this collection.
+ What a backend that was set up by hand would lose by adoption. Pure and private to this collection.
- The parts of a compose file's backend as Compose reads it, each under the name an operator would call it by.
+ The settings of a compose file's backend as Compose reads it, each by a name that operators know.
- Names of what the old backend has and the new one lacks or has otherwise.
+ Names of the old backend's settings that the new one lacks or changes.
- Why the new backend must not take the old one's place yet; values are never told, for they may be secrets.
+ Why the new backend must not replace the old one yet; values are never shown, as they may be secrets.
- The refusal of an old file that Compose does not read; what it quotes may be a secret and is left out.
+ The refusal if Compose cannot read the old file; quoted parts of its error may be secrets and are left out.
- A part without how it was written: the same volume, network or file under another key is the same.
+ A normalized setting: the same volume, network or file under another key is the same.
~ Judges a stack: what Compose wants against what the host shows. Pure and private to this collection.
+ Compares a stack as Compose reads it with the host. Pure and private to this collection.
- A compose file that begins so was written by the role.
+ A compose file that starts with this was written by the role.
- Services whose container may be restarted to mend it: they hold no data. Any other is only reported.
+ Services whose containers may be restarted: they have no data. Others are only reported.
- What the verdict tells of a container.
+ What the verdict shows of a container.
- What mends a reason, in words that are true of a run that only looks as well. With `wait` nothing is touched, with
+ What is done about a reason, in words that also fit a run that only looks. With `wait` nothing is changed, with
- One thing that is not as wanted, why that is so, and what mends it.
+ One difference from the inventory, why, and what is done about it.
- The uids; None where anybody may own it.
+ The uids; None if any owner is fine.
- Services that it is to be started again with, as `restart: true` of its depends_on says.
+ Services with which it is restarted, from `restart: true` in its depends_on.
- """A network that is there."""
+ """A network that exists."""
~ Where its project's files really lie, as Compose lists them, and from where it read them.
+ The real paths of its project's files, as Compose lists them, and its project folder.
~ Secrets that it was started with and that are others by now.
+ Secrets that have changed since it was started.
~ Whose process it runs, where secrets make that count.
+ The uid of its process, if there are secrets.
- Everything one look at a host brought home.
+ Everything that one look at a host found.
- Where the first of them, the compose file, really lies.
+ The real path of the first of them, the compose file.
- By name; an image or network that is not there is absent. An image is all that a container of it may run.
+ By name; missing images and networks are absent. An image is the set of what its containers may run.
- Where the models lie on the host, or "" where nobody knows (yet).
+ Where the models are on the host, or "" if unknown.
- What was planted in it and is left alone.
+ Unexpected files in it, which are left alone.
- Why the wanted models cannot be meant; the preflight says it in the inputs' own names.
+ What is wrong with the wanted models; the preflight reports it with the names of the inputs.
- Bytes of blobs that no model uses, and bytes free where they lie; None where nobody could say.
+ Bytes of blobs that no model uses, and free bytes on their file system; None if unknown.
- What judge_health said; {} when nobody could ask.
+ The result of judge_health; {} if the server could not be asked.
- Every reason why the host is not as wanted; none means clean.
+ Every difference from the inventory; none means clean.
- What a person made and a first deploy would take over: files without our header, and
+ What was created by hand and a first deploy would take over: files without our header, and
- The backend of a stack that a person made; None where there is none to take over.
+ The backend of a stack that was set up by hand; None if there is none to adopt.
- Networks that are there and internal though they must not be, or the other way round.
+ Networks that are internal although they must not be, or the other way round.
- What the module returns: the verdict for tasks, and the same in lines for a person.
+ The module's result: the verdict for tasks, and the same as text.
- What is made anew needs neither.
+ Recreated containers need neither.
- Where the deploy itself tells what it did not bring about, there is none to come.
+ At the end of a deploy, no further deploy is announced.
- What a person should know although nothing is done about it.
+ What the operator should know although nothing is done about it.
- Containers that only a restart mends; a problem of a model is one of its server.
+ Containers that must be restarted; a problem of a model is one of its server.
- Containers whose last words may tell why they do not run as they should.
+ Containers whose logs may show why they do not run properly.
- Networks to be made anew, and which of the project's containers hang on them.
+ Networks to be recreated, and the project's containers on them.
- Running containers to be put on a network again: Compose (2.26.1) does not look after that.
+ Running containers to be reconnected to a network: Compose (2.26.1) does not do that.
- Services that Compose is made to recreate: that it finds them changed as well is not assumed.
+ Services that Compose must recreate, whether it finds them changed or not.
- Compose starts these again with the others, but only where it was asked for both.
+ Compose restarts these with the others, but only if both are given.
- Whether looking again makes sense; after a start also for what may yet come up by itself.
+ Whether to look again; after a start also for what may still come up.
- Whether all is as wanted: bytes that nobody has hashed lately are no fault of theirs.
+ Whether everything matches: models that were not hashed recently do not count.
- Seconds since a running container was started last; none that runs is as old as can be.
+ Seconds since the latest start of a running container; very large if none runs.
- Compose 2.26.1 leaves an existing network as it is and says nothing.
+ Compose 2.26.1 silently keeps an existing network.
- `docker update` changes it behind Compose's back, and the hash stays.
+ `docker update` changes it without Compose, and the hash stays the same.
- A mount keeps the file it was made of, and Compose does not look into it.
+ A mount keeps the file it was created from, and Compose does not compare its content.
- Compose makes the network, after which there is nobody left to connect.
+ Compose creates the network, but does not connect running containers.
- Compose (2.26.1) makes the network anew but starts the old container, which asks for the old one.
+ Compose (2.26.1) recreates the network but starts the old container, which refers to the old one.
- The keeper is unhealthy while a model is not loaded, and then it is at work.
+ The keeper is unhealthy while it loads a model.
- Health's problems that the containers' and models' own reasons tell already.
+ Problems of health that the reasons of containers and models already cover.
- What mends the others; the keeper loads and pins by itself.
+ What is done about the others; the keeper loads and pins models.
- A tag that names no version is found out only once the server itself speaks.
+ If the tag has no version, it is only known from the running server.
~ What the Engine's inspect says of one container.
+ Convert an inspect response to a container.
- Not Compose's label: it is the index's digest or the platform's, as the version of Compose has it.
+ Not Compose's label: it is the digest of the index or of the platform, depending on the version of Compose.
- What Ollama's own installer sets up.
+ The unit of Ollama's own installer.
- How many bytes the mounts of a container may take to list.
+ The limit for the list of a container's mounts in bytes.
- A container gets an NVIDIA GPU through one of them; Engine 26 knows the first alone.
+ A container gets an NVIDIA GPU through one of them; Engine 26 supports the first only.
- Compose reads a file and prints it; longer than this means that something holds it.
+ Compose only reads a file and prints it; if it takes longer than this, it hangs.
- What a shell may hand to the docker CLI. Anything else could change what `${...}` in the file means, or who answers.
+ The variables passed to the docker CLI. Others could change the value of `${...}` in the file, or the Engine.
- The inputs that lead a look where it looks: with one of them wrong it would look elsewhere.
+ The inputs that a look depends on: if one of them is wrong, the host is not looked at.
- Those by which registries are asked.
+ The inputs for the access to registries.
- Where containerd keeps everything unless it is told otherwise.
+ The default root of containerd.
- What an Engine answers for an image that is not there, and for what it cannot read as a name.
+ The Engine's status codes for a missing image and for an invalid name.
- What an Engine answers when a registry wants another login; 26.1.5 makes an error 500 of it, so words count too.
+ The Engine's status codes if a registry denies access; 26.1.5 returns 500, so the message counts too.
- There is no Compose to ask; str() is a sentence for the operator.
+ Compose is not available; str() is a sentence for the operator.
- Compose does not take the file; str() is a sentence for the operator.
+ Compose rejects the file; str() is a sentence for the operator.
- What one look is to be about.
+ The options of one look.
- The sha256 of each secret by its name, and the uid that is to own their files.
+ The sha256 of each secret by its name, and the uid that must own their files.
~ How registries are asked for what is not in the store, as a module's options; None not to.
+ The module options for asking registries about missing models; None to ask none.
- "" where there is to be none, and the logins themselves.
+ "" if there must be none, and the logins themselves.
- Compose starts to read while the disk and the Engine are asked: no question waits for another.
+ Compose runs in parallel with the look at the disk and the Engine.
- Only a difference makes the version worth one more start of the CLI.
+ The version costs one more start of the CLI, so it is only read if something differs.
- The file at path beside what it should be.
+ The file at path compared with what it should be.
- Only a file that is to carry the header can be told from a person's own.
+ Only files with our header can be told from those written by hand.
- The file of one secret; what it should hold is known by its digest alone.
+ The file of one secret; only the digest of its wanted content is known.
- The secrets a running container has mounted that are not the wanted ones.
+ The secrets that a running container has mounted with an old value.
- It sees the file that was there when it was started, also once another was put in its place; one that was only
+ It has the file from when it was started, even after that was replaced; it sees the new content of a file that was
- written to it sees as it is now. Which file that is the kernel tells: what lies in its tree may be anything.
+ only written to. The kernel's list of mounts shows which file it is; the container's own tree is not trusted.
- of several at one point the last is on top.
+ with several at one mount point, the last is on top.
- Whether a mount's root, told from the top of its file system, lies at path still: neither removed nor moved.
+ Whether a mount's root, relative to its file system, is still the file at path: neither removed nor moved.
- Have Compose read a file that need not be written; the two questions it takes run at once.
+ Let Compose read a file that does not exist yet; the two commands run in parallel.
- A folder that is yet to be made has no .env either.
+ A folder that does not exist has no .env either.
- Compose's own program: `docker compose` starts that one too, after two more processes have cost as much again.
+ The program of the Compose plugin: `docker compose` needs two more processes and twice the time.
- What the docker command is given; the variable goes before whatever context its user has chosen.
+ The environment of the docker command; DOCKER_HOST has precedence over the user's docker context.
~ The Engine with the questions that only a whole stack asks."
+ The Engine with the requests that only a stack needs."
- The containers of a project, those of `compose run` left out, and which of the secrets they hold outdated.
+ The containers of a project, without those of `compose run`, and which of their secrets are outdated.
- Compose writes the way it came, through links or not.
+ Compose does not resolve links in these paths.
- What a container of each image that is there may run.
+ For each image that is present, what its containers may run.
- an Engine before API 1.48 does not hear the question.
+ an Engine before API 1.48 ignores the parameter.
- The last lines a container said.
+ The last lines of a container's log.
- Why a registry does not take a login, "" where it does; None where nobody can tell.
+ Why a registry rejects a login, "" if it does not; None if unknown.
- What root's own configuration says of that registry must not count.
+ Ignore root's own configuration for that registry.
- The same of an image, asked for with a login or as whom root's own configuration names (own).
+ The same for an image, with a login or with root's own configuration (own).
- What the Engine says of itself and its host.
+ The Engine's information about itself and its host.
- A folder of the host needs no Engine to be read.
+ A folder on the host can be read without an Engine.
- The images by the names that Compose read, which puts the variables in.
+ The images by the names that Compose returns, with variables resolved.
- Nothing can lie there, and the judgement says so for each model.
+ An empty path, so that each model is reported as missing.
- The same with every byte of the models read, whatever their receipts say.
+ The same with all models hashed, whatever their receipts say.
- What speaks against taking over a backend that a person made, as Compose reads it.
+ Why a backend that was set up by hand cannot be adopted.
- Loaded here, because only a stack of somebody else needs it.
+ Imported here, because only adoption needs it.
- The last words of containers that do not run as they should.
+ The last log lines of containers that do not run properly.
- What the preflight asks of a host; only a host that is not clean is asked.
+ What the preflight needs to know about a host; only read if the host is not clean.
- Who else hangs on a network that is to be made anew.
+ Containers of other projects on networks that must be recreated.
- # A refusal of its own.
+ # This is a separate refusal.
- Whether the host's own ollama.service is at work in this folder.
+ Whether the host's own ollama.service uses this folder.
- One that the Engine started itself lies below the Engine's root.
+ A containerd that the Engine started itself is below the Engine's root.
- Whether anything says that this Engine can hand out NVIDIA's GPUs: it does not tell that itself.
+ Whether this Engine can probably give NVIDIA GPUs to containers: it has no such information itself.
- Where devices are described for it, /etc/cdi and /var/run/cdi.
+ Device descriptions in /etc/cdi and /var/run/cdi.
- Loaded here, because a clean host needs neither it nor all it takes to speak with a registry.
+ Imported here, because a clean host needs neither it nor the registry client.
- A CA that is missing is a refusal of its own.
+ A missing CA file is a separate refusal.
- Have the Engine try what a deploy would need of registries: logins that are not on the host yet, images.
+ Let the Engine try what a deploy needs from registries: new logins and missing images.
- What each registry said last; one that has refused or not answered is not asked again.
+ The last answer of each registry; one that refused or did not answer is not asked again.
- Another image there may be given out.
+ Other images of this registry may be accessible.
- Where the models will lie, in a folder or in a volume that is yet to be made; check mode looks there.
+ Where the models will be, in a folder or in a volume that does not exist yet; for check mode.
- What the server says, where it runs the wanted image: a look starts no container to ask another one.
+ The server's version, if it runs the wanted image: a look starts no container to find out.
~ The folder itself, or the one it will be made in.
+ The folder itself, or its nearest existing parent.
- Nobody can tell, and that this is not root is a refusal of its own.
+ Unknown; not being root is a separate refusal.
- What each wanted model will take of a host: told by the store, else by its registry's manifest alone. Private.
+ What each wanted model needs on a host: from the store, else from its registry's manifest. Private.
- A look that somebody waits for: a registry that takes longer is left to the fetch, which has patience.
+ Short timeouts, as somebody waits for the look; a slow registry is left to the download.
- What Ollama takes by itself without a GPU.
+ Ollama's default without a GPU.
- Every wanted model of which something is known; registry is how registries are asked, None not to.
+ Every wanted model that is known; registry are the options for asking registries, None to ask none.
- Until it is replaced a damaged blob keeps its room.
+ A damaged blob occupies its space until it is replaced.
- No deadline reaches into a look-up of a name: without an answer each name server would take 10 s.
+ DNS lookups have no deadline: without a reply each name server would take 10 s.
- What interrupted downloads, which the fetch goes on with, already occupy.
+ What interrupted downloads, which will be resumed, already occupy.
- What is missing of a blob, in bytes of the disk.
+ The missing bytes of a blob on disk.
- 0 for a model that is yet to come: only its weights say how much a token takes.
+ 0 for a model that is not in the store: the size per token is only in its weights.
- The model's own wish goes before the server's.
+ The model's own setting has precedence over the server's.
- Everything that speaks against a deploy, found before anything is touched. Pure and private to this collection.
+ Everything that prevents a deploy, found before anything is changed. Pure and private to this collection.
- What an image takes on disk when nobody knows: Ollama's own holds the CUDA libraries.
+ The assumed size of images: Ollama's own contains the CUDA libraries.
- What command lines and Compose read as their own; in a folder that is mounted, only what the file's notation takes.
+ Characters with a meaning for shells and Compose; for mounted folders only those that Compose's notation uses.
- What the compose file has already.
+ Names that the compose file already uses.
- Less was never meant: a number without its unit.
+ Less than this is a mistake: a number without its unit.
- How a registry fails that may answer in a moment. All else it says of a model, it will say to the fetch as well.
+ Temporary errors of registries. All others would also fail the download.
- What one wanted model takes, as far as anybody could say.
+ What one wanted model needs, as far as known.
- Bytes of memory: its files, and what its context adds to them.
+ Bytes of memory: for its files, and for its context.
- Bytes of the disk that are yet to come.
+ Bytes on disk that are still to be downloaded.
- The digests of its weights, which Ollama loads once for all names.
+ The digests of its weights, which Ollama loads once for all names that share them.
- How its registry failed to name its files, and the same in words.
+ The kind of its registry's error, and the message.
- What a host brings along; None where nobody could say.
+ What is known about a host; None if unknown.
- What the server that runs it said, where its tag does not.
+ The version from the running server, if the tag has none.
- What the Engine says only once it is to make the container, when the old one is gone already.
+ The Engine only reports this when it creates the container, when the old one is already removed.
- Why it cannot fit, in words; a context that nobody could tell goes without saying.
+ Why it does not fit, as text; an unknown context is left out.
- What cannot be meant in one input, in a sentence that begins with its name.
+ A mistake in one input, as a sentence that starts with its name.
- Everything that is wrong with the inputs, whatever the host is; what is not among them is not missed.
+ All mistakes in the inputs, independent of the host; missing inputs are not reported.
- What only follows from an input that is wrong is no reason of its own.
+ What only follows from a wrong input is not reported separately.
# --- _store
- The only hands below a model store, its .archiv and the receipts: what opens, changes or removes by path. Private.
+ All file access below a model store, its .archiv and the receipts: open, change and remove by path. Private.
- Whatever has the store mounted, or owns a part of it, may have planted anything there: links to the host's own files,
+ A container with the store mounted, or the owner of a part of it, may have put anything there: links to host files,
- devices, pipes. So a path is walked from its root folder a component at a time, by descriptors, and no link is followed
+ devices, pipes. So a path is opened from its root folder one component at a time, by descriptors, and no link is
- on the way; only regular files are opened; and what is ours is written only where nobody but root could have put it.
+ followed; only regular files are opened; and our own files are only written in folders that only root can change.
- tests/sanity/code_smell.py keeps all other code of the store from doing the same by path.
+ tests/sanity/code_smell.py prevents direct file access by path in all other code of the store.
- O_PATH alone opens nothing: no pipe's other end wakes, no device does anything.
+ O_PATH does not really open the file: it does not wake up a pipe's writer or activate a device.
~ The files below one root folder. The way to the root is the operator's, and may lead over links.
+ The files below one root folder. The path to the root is set by the operator and may contain links.
- What lies at path itself, be it a link.
+ The status of path itself, also if it is a link.
- The same, or None where nothing lies there.
+ The same, or None if there is nothing.
- A descriptor of a regular file; anything else is Unsafe, and was never opened.
+ A descriptor of a regular file; anything else raises Unsafe and is not opened.
- """What a link names."""
+ """The target of a link."""
~ Of a relative path nothing is left in the end.
+ A relative path becomes empty at the end.
- A read-write descriptor of a file that only root writes, made where it is missing.
+ A read-write descriptor of a file that only root can write, created if missing.
- Another writer may have been faster.
+ Another process may have created it first.
- A read-write descriptor of a file that is not there yet.
+ A read-write descriptor of a new file.
- As own, but what is no file of ours there is removed first: the place is ours.
+ Like own, but anything else at this path is removed first.
- A file of ours with this content; with sync its bytes are on disk, its name not yet.
+ Write a file with this content; with sync its bytes are flushed, but not its name.
- Of an empty file that stays empty nothing else would move the time.
+ Nothing else would update the mtime of a file that stays empty.
- Give a file the place of another, whatever lies there but a folder.
+ Rename a file over another or a link, but not over a folder.
- Remove a name that is no folder, if it is there; of a link the link.
+ Remove a file or a link, if it exists.
- Remove whatever lies there, a folder with all that is in it.
+ Remove a file, or a folder with its content.
- It follows no links below; the descriptor keeps it from following one above.
+ rmtree does not follow links below; the descriptor prevents following one above.
- Make a folder and its parents (0755), whatever the umask, and make their names last.
+ Create a folder and its parents (0755), whatever the umask, and flush their names.
- Give a file or a folder a mode, on disk too; a file that has a second name somewhere stays as it is.
+ Change the mode of a file or a folder and flush it; a file with a second hard link is refused.
- Make a file's bytes, or the names in a folder, survive a power cut.
+ Flush a file, or the names in a folder.
- That something else lies where a folder belongs, in a sentence.
+ A sentence about something else at the path of a folder.
- Why others than root can change what is in a folder, in a sentence; "" where nobody can.
+ A sentence if users other than root can change a folder's content; else "".
- What something is, in words; a link is told by its text, and not gone after.
+ The file type as text; links are not followed.
- The folder that holds path, and its name there; changing wants each folder on the way to be root's own.
+ The parent folder of path, and its name there; with changing each folder on the way must be owned by root.
- A name alone, relative to a descriptor, tells nobody where.
+ Without this the error has only the name relative to the descriptor.
- Unsafe where the folders on the way are what is wrong.
+ Raise Unsafe if a folder on the way is not safe.
- A user as the host calls them.
+ The name of a user on the host.
- A name that somebody else chose, on one line and with no bytes that a terminal obeys.
+ An untrusted name on one line, without control characters.
- A file of /proc, which nobody can plant.
+ Read a file of /proc, which users cannot forge.
- Through the kernel's own link, which leads to the file that is open whatever its path means by now.
+ The kernel's link leads to the open file itself, even if its path has changed.
- pwrite may write less than it is given, when the disk runs full above all.
+ pwrite may write only a part, for example on a full disk.
- What was looked at is what is opened, whoever puts something else in its place meanwhile.
+ Opens exactly the file that was checked, even if the path is replaced meanwhile.
- sha256 of large files as fast as one core can, without ever holding one in memory. Private.
+ sha256 of large files at the speed of one core, without reading them into memory. Private.
- What the kernel says of a file's identity; any write or replacement moves one of these.
+ A file's identity; any write or replacement changes one of these.
- A file's sha256 in hex, and the file it was true of.
+ A file's sha256 in hex, and the key of the file.
- both let go of the GIL.
+ both release the GIL.
- Not mmap: a disk error there is a SIGBUS, which kills the module without a word.
+ Not mmap: a disk error there is a SIGBUS, which kills the module without a message.
- Whether a model on disk is whole, byte for byte, and if not, which file shows it. Private.
+ Whether a model on disk is intact, and if not, which file is damaged. Private.
- The serving container runs as a uid that owns nothing here: everyone must be able to read.
+ The server runs as a uid that owns nothing here, so everybody must be able to read.
- Of the folder that is mounted only the way through it.
+ The mounted folder only has to be passable.
- The role of what leads to a model without being a file of it.
+ The role of a folder on the way to a model.
- Problems that leave the bytes what they should be.
+ Problems that do not affect the content.
- """What heals it."""
+ """How to fix it."""
- What the bytes on disk say of one model; intact is None when nobody looked at every byte.
+ The state of one model on disk; intact is None if not all bytes were checked.
- Why bytes stay unproven, when they do.
+ Why blobs are not verified, if they are not.
- Blobs whose bytes are proven, and the files that is true of: receipts are written from it.
+ Verified blobs and their file keys: receipts are written from it.
- Those of them that were not read now: a receipt proved them.
+ Those of them that were verified by a receipt, without reading them.
- Judge the blobs of a manifest, in the store or about to be: what no receipt proves is hashed.
+ Check the blobs of a manifest, in the store or to be installed: those without a receipt are hashed.
- Its manifest was planted with it: to hash it would take days.
+ It was forged with its manifest: hashing it would take days.
- Of the folders that lead to a manifest and to the blobs, those that not everybody may enter.
+ The folders on the way to a manifest and to the blobs that not everybody may enter.
- What lets the server in; the root folder, which may be the operator's own, is opened no further than that.
+ The mode that the server needs; the root folder, which may be the operator's own, only becomes passable.
- The signature of a power cut, worth telling apart from bit rot.
+ The pattern of a power cut, in contrast to bit rot.
- One writer at a time on a model store, by a lock the kernel lets go of when its holder dies. Private.
+ One writer at a time on a model store, by a lock that the kernel releases when its holder dies. Private.
- Whoever can open the lock can hold it.
+ Anyone who can open the lock file can hold the lock.
- The store's writer lock could not be had; str() is a sentence for the operator.
+ The store lock could not be taken; str() is a sentence for the operator.
- The filesystem knows no locks, or cannot be written.
+ The filesystem does not support locks, or is not writable.
- Hold the lock file at path; the file itself stays, removing it would let two writers in.
+ Hold the lock at path; the file itself stays, as removing it would allow two writers.
- The holder in words, or "" when nobody can be named.
+ A description of the holder, or "" if unknown.
- A killed writer leaves its signature behind, a shell's `flock` signs nothing: ask the kernel.
+ A killed writer leaves its signature, and a shell's `flock` writes none: ask the kernel.
- Only a courtesy to whoever waits: a full disk must not fail the writer here.
+ The signature is optional: a full disk must not fail the writer here.
~ An Ollama model store on disk: where things lie, who may write, what is left over. Private.
+ An Ollama model store on disk: its paths, who may write, what is left over. Private.
- All that is ever made in .archiv/partials: blobs that come, their records, what was replaced.
+ All files in .archiv/partials: partial blobs, their records, replaced files.
- Whoever can plant one thing can plant thousands.
+ An attacker who can create one file can create thousands.
- """A file no manifest asks for."""
+ """A file that no manifest refers to."""
- What lies in a store besides whole models.
+ What is in a store besides complete models.
- Why nothing may be written, and what does not belong here at all, a sentence each.
+ Why nothing may be written, and what does not belong here, one sentence each.
- What containers mount; all below it may be planted.
+ What containers mount; everything below is untrusted.
- What an unfinished pull of Ollama's own left of this blob.
+ What an incomplete pull by Ollama itself left of this blob.
- The manifest file of this name in whatever spelling it has, the exact one first.
+ The manifest file of this name in any spelling, the exact one first.
- The same with every spelling: Ollama should have made but one, others make more.
+ The same for all spellings: Ollama creates only one, others may create more.
- One cure mends the whole tree.
+ One command fixes the whole tree.
- Partial downloads and blobs nobody refers to, with the role they had where known; as if without going."
+ Partial downloads and unreferenced blobs, with their role if known; manifests in going are ignored."
- Whether its name is one that Ollama or this collection gives, so that it may be pruned.
+ Whether Ollama or this collection uses such a name, so that it may be pruned.
- The regular files of a folder; what else lies there is told as strange.
+ The regular files of a folder; everything else is added to strange.
- What lies where the folders of manifests, or our own few files, belong.
+ Unexpected entries among the folders of manifests and our own files.
- A partial is a sparse file of the full size: count what it really occupies.
+ A partial is a sparse file of the full size: count what it occupies on disk.
- One file a store, replaced whole: reading it is one open whatever the number of blobs, and a cut
+ One file per store, replaced atomically: reading it is one open whatever the number of blobs, and a cut
- Bits rot; a proof older than this is taken again.
+ Bits rot; after this time a blob is hashed again.
- The one doubt that a healthy store gives no cause for.
+ The one reason that does not occur in a healthy store.
- Take what is there now: another writer may have been at it.
+ Read it again: another writer may have changed it.
- Why nothing proves this file to be that blob; "" when a receipt does.
+ Why this file has no valid receipt for that blob; "" if it has.
- Keep proof of these blobs, whose bytes, manifest and folders are already fsynced.
+ Write receipts for these blobs, whose bytes, manifest and folders are already fsynced.
- One fixed name, under the writer's lock: a killed run leaves at most this, for the next to replace.
+ One fixed name, under the store lock: a killed run leaves at most this file, which the next one replaces.
- Why this receipt proves nothing about that file today; "" when it does.
+ Why this receipt is not valid for that file now; "" if it is.
- Un-fsynced neighbours aside, a crash can leave size and times right and bytes wrong.
+ A crash can leave the right size and times with wrong bytes.
- From when on a further write would show in the file's times.
+ The time after which another write would change the file's times.
# --- modules
- What the action plugin of this name takes; it has no part that runs on a host.
+ The options of the action plugin of this name; there is no part that runs on a host.
- Puts Ollama models into a store, whole and proven, or takes them out.
+ Installs Ollama models in a store and verifies them, or removes them.
- Says whether wanted Ollama models are cached, intact and healthy; changes nothing.
+ Checks whether wanted Ollama models are cached, intact and healthy; changes nothing.
~ Raise InputInvalid for options that contradict each other or cannot be.
+ Raise InputInvalid for options that are invalid or contradict each other.
- Read the disk and, where wanted, ask the server.
+ Read the disk and, if wanted, ask the server.
- What the registries say of each model, where they are to be asked.
+ The registries' answers for each model, if they are asked.
- Given to what runs since long, as a model that a client has unloaded.
+ For containers that were not started recently, such as after a client unloaded a model.
- What a look may take beside the patience it is given: it ends by itself, also where nobody waits for it any more.
+ The deadline of a look without its waiting time, so that it also ends if the controller is gone.
- # The same where every byte is read.
+ # The same if all models are hashed.
- Look until the host is as wanted, or nothing more is to be waited for: a verdict, and what is only odd.
+ Look until the host matches or waiting does not help: the verdict, and notes.
- Inputs that cannot be meant come first: what they lead to is neither looked at nor waited for.
+ Invalid inputs come first: what depends on them is neither looked at nor waited for.
- What is seen once it is as wanted, or time mends no more of it, or there is no more time."
+ The observation once the host matches, waiting does not help, or the time is over."
- Waiting asks for no answer, which would queue with the users' questions; once all else is well, one look does.
+ While waiting, no tokens are requested, as these would queue with user requests; only the last look does.
- What is wrong with the inputs alone, that of the logins without their passwords.
+ Mistakes in the inputs, those of the logins without their passwords.
~ The inputs, those included of which the module is told other than by their values.
+ The inputs, with those that the module gets in other options.
- A verdict that names the mistakes, and what can be known of the host without trusting one of them.
+ A verdict with the mistakes, and what is known about the host without the wrong inputs.
- What Compose has against the file may be one of the mistakes in other words.
+ Compose's error may be caused by one of the mistakes.
- The host with what Docker and Compose have against a deploy; where Docker is yet to come, check mode predicts.
+ The host with the errors of Docker and Compose; in check mode a missing Docker is not an error.
~ What the look is to be about; no registry is asked, or told of a login, in a way that cannot be meant.
+ The options of the look; with invalid inputs for registries none is asked or gets a login.
'''

ROLES = r'''
@ roles/*
# --- roles/ollama_stack
- A file that begins with this line is ours; anything else is adopted only when asked.
+ A file that begins with this line is ours; anything else is only adopted if asked for.
- A twin must not take the production project's containers over.
+ The dev variant must not take over the containers of production.
- Rendered on the controller, so that a clean host costs no task of its own.
+ Rendered on the controller, so that a clean host needs no extra task.
- The host's own Engine. Every look and every command names it: what root's DOCKER_HOST and docker context say may be another.
+ The host's own Engine. Every look and every command names it, as root's DOCKER_HOST or docker context may be another.
- Root's alone, and gone with every boot, as locks are.
+ For root only, and removed at every boot, like the locks in it.
- How the host itself reaches the registries. Set but empty, a variable would switch off what /etc/environment says.
+ How the host itself reaches the registries. An empty variable would override /etc/environment.
- Without a mirror it would be about registries that the names themselves name.
+ Without a mirror it would apply to the registries in the models' names.
- What playbooks/lock.yml wrote, if it ever did, in the form of ollama_stack_models. Only that form is read: a conflict left
+ The file that playbooks/lock.yml writes, in the form of ollama_stack_models. Only that form is read: a conflict left
- by a merge must not unbind a model in silence.
+ by a merge must not silently unpin a model.
- A digest that is there but empty must not unbind a model that is locked.
+ An empty digest must not unpin a locked model.
- Kept loaded are those that do not say `warm: false`, unless the operator gave up the pin for all.
+ All models without `warm: false` are kept loaded, unless the operator has turned that off for all.
- The same, each with the digest it is bound to.
+ The same, each with its pinned digest.
- # the preflight refuses none
+ # the preflight refuses an empty list
- Compose would take a $ for a variable of its own.
+ Compose would read a $ as the start of a variable.
- Not unless-stopped: an Engine that starts after a crash stops what ran on, and takes its own stop for an operator's
+ Not unless-stopped: an Engine that starts after a crash stops what kept running, and treats that like a stop by the operator
- # What is on the host, compose file first.
+ # The files on the host, compose file first.
- Files that the backend mounts. To be compared they are sent as digests, which are neither shown nor kept.
+ Files that the backend mounts. For the comparison their digests are sent, which are neither shown nor kept.
- Models that Ollama's own pull cannot get, because their registry asks for a login.
+ Models that Ollama's own pull cannot download, because their registry requires a login.
- What is judged, under the names an operator knows. Of what Compose judges itself, the names alone.
+ The inputs that are checked, by their names. For those that Compose checks itself, only the keys.
- Whether Ollama itself has something to fetch.
+ Whether Ollama itself has something to pull.
- Whether the init service has a container that the deploy leaves as it is.
+ Whether the init service has a container that the deploy does not recreate.
- Docker Compose with the file that is yet to be put in place.
+ Docker Compose with the new file, which is not on the host yet.
- Why such a command failed, in its last words.
+ Why such a command failed: its last line of output.
- What a deploy that failed after the switch has left behind.
+ The state after a deploy that failed after the switch.
- # Everything that speaks against a deploy.
+ # Everything that prevents a deploy.
- Each would take the other's wrapper and secrets for its own.
+ Each would overwrite the wrapper and the secrets of the other.
- # Everything that speaks against a teardown.
+ # Everything that prevents a teardown.
- What the hosts of this run hold, and what they heard from the registries.
+ The models of the hosts of this run, and the answers of the registries.
- The port that a failed start could not have. An Engine that was killed while it started a container gives the port to nobody
+ The port that made a start fail. An Engine that was killed while it started a container does not release the port
- until it is started anew (seen on 26.1.5; moby/moby#20486): neither Compose nor a new container helps.
+ until it is restarted (seen on 26.1.5; moby/moby#20486): neither Compose nor a new container helps.
- The steps from what a host is to what is wanted. All that can be judged or fetched comes before the switch, so that what
+ The steps of a deploy that changes something. All checks and downloads come before the switch, so that what
- fails there leaves the compose file and the containers as they were.
+ fails there leaves the compose file and the containers unchanged.
- Ollama's own pull borrows the init service's container, as far as that is what will be.
+ Ollama's own pull uses the init service's container, if the deploy does not recreate that.
- An entry of its own: looks and changes nothing. Inputs: __ollama_stack_patience, the seconds to look again while only time is
+ An entry point: looks and changes nothing. Inputs: __ollama_stack_patience, the seconds to look again while only time is
- missing, and __ollama_stack_proof, see look.yml.
+ needed, and __ollama_stack_proof, see look.yml.
- The switch: the files that say what is to run. Readable and runnable by hand.
+ The switch: writes the files that define the stack. They can be read and used by hand.
- The copy is dated, and only a file of somebody else's needs one: ours can be rendered again.
+ The copy is dated, and only a file that is not ours needs one: ours can be rendered again.
- Its text is the archive's own, and may hold secrets.
+ Its text is the archive's own, and may contain secrets.
- Method engine where the init service is yet to be made or to be made anew: a container of it as it will be fetches the models,
+ Method engine if the init service is new or will be recreated: a container of the new service downloads the models,
- beside what runs and before the switch.
+ while the old stack runs and before the switch.
- An entry of its own: binds deploys to the bytes that the hosts of this run hold. Writes one file here, and none on a host.
+ An entry point: pins deploys to the models of the hosts of this run. Writes one file on the controller, and none on a host.
- What one host holds must not become everybody's before all have answered.
+ The models of one host must not be locked for all before all hosts have answered.
- The logins for images, which the wrapper hands to the docker command; root alone can read them, and nothing of them is shown.
+ The logins for images, which the wrapper passes to the docker command; only root can read them, and they are never shown.
- Looks first, in one call: a host that is as wanted is not touched.
+ Looks first, in one call: a host that matches the inventory is not changed.
- As long as only time is missing, as after a reboot, it waits instead of touching anything.
+ While only time is needed, as after a reboot, it waits instead of changing anything.
- With method engine it is Ollama alone that reaches them.
+ With method engine only Ollama can reach them.
- Asked here and not at the include: to skip that one takes a process of its own.
+ Checked here and not at the include, as skipping that costs an extra process.
- After a boot, or when its bytes were not read for long, a deploy says so and hashes them.
+ After a boot, or if models were not hashed for long, a deploy reports and hashes them.
- The models on the disk, every byte of them proven.
+ The models on the disk, all bytes verified.
- Else the caller's DOCKER
+ Otherwise the caller's DOCKER
- By which a registry tells whether it would give a model to this Ollama.
+ The registry checks whether this Ollama can run the model.
- Where check mode finds no Engine yet, nothing serves either.
+ If check mode finds no Engine, there is no server either.
- Input: __ollama_stack_network, a network to be made anew with the containers that hang on it; none of them is stopped.
+ Input: __ollama_stack_network, a network to be recreated, with its containers; none of them is stopped.
- Below it fails in a sentence.
+ The next task fails with a sentence.
- Nothing was touched yet: every reason against it is named at once.
+ Nothing was changed yet: all refusals are reported at once.
- What the fetching needs on the host, beside the compose file and of no meaning to what runs.
+ What the downloads need on the host, in addition to the compose file; it does not affect running containers.
- Fetches the images that are not on the host; nothing of what runs is touched, and the new compose file is not there yet.
+ Pulls the images that are not on the host; running containers are not changed, and the new compose file is not there yet.
- What speaks against a teardown, before anything is touched.
+ What prevents a teardown, before anything is changed.
- The wrapper's text, because the wrapper itself may be gone with the file.
+ The wrapper's text, because the wrapper itself may be missing like the file.
- An entry of its own: takes the stack away. Volumes stay, and the models in them unless ollama_stack_remove_models is true.
+ An entry point: removes the stack. Volumes stay, and the models in them unless ollama_stack_remove_models is true.
- An entry of its own: shows the compose file a deploy would write, and contacts no host.
+ An entry point: shows the compose file that a deploy would write, and contacts no host.
- The backend's secrets as files that only it and root can read; nothing of them is shown, not even where it fails.
+ The backend's secrets as files that only it and root can read; they are never shown, not even on a failure.
- Compose brings up what is missing or changed. Never in check mode: its dry run waits for the init service for ever.
+ Compose brings up what is missing or changed. Never in check mode: its dry run waits for the init service forever.
- Compose leaves a container alone that runs, be it hung, paused or unhealthy.
+ Compose does not touch a running container, even if it hangs or is paused or unhealthy.
- Before Compose: 2.26.1 does not look after that, and 5.6.0 would make the container anew, and the keeper with it.
+ Before Compose: 2.26.1 does not reconnect them, and 5.6.0 would recreate the container, and the keeper with it.
- Compose keeps what it finds unchanged: a container whose network is gone can never start, one changed by `docker update`
+ Compose keeps what it considers unchanged: a container whose network is gone can never start, one changed by `docker update`
- has the same hash, and from which digest it tells an image has changed from version to version. It makes the new container
+ has the same hash, and how it compares images depends on its version. It creates the new container
- before it stops the old one, which serves on where that fails.
+ before it stops the old one, which keeps serving if that fails.
- whose rc is 0 where the other variant has its compose file in this folder.
+ whose rc is 0 if the other variant has its compose file in this folder.
- Only one that a deploy wrote: a person's own has no wrapper and no secrets beside it.
+ Only one that a deploy wrote: one written by hand has no wrapper and no secrets beside it.
- Runs Compose, and tells why it failed in the words of the container that did.
+ Runs Compose, and reports why it failed with the log of the failing container.
- the services to recreate whatever Compose thinks; empty brings up all that need it.
+ the services to recreate in any case; empty brings up all that need it.
- A task timeout would leave the process on the host running, and `async` would wait for a dead host as long.
+ A task timeout would leave the process running on the host, and `async` would wait just as long for a dead host.
- Below it fails in a few lines; here it would print two hundred about every container, the reason among them.
+ The next block fails with a few lines; here it would print two hundred lines about every container.
- An entry of its own: asks the registries whether the models' names still mean what is meant here. Changes nothing.
+ An entry point: asks the registries whether the models' tags still refer to the wanted digests. Changes nothing.
- Asked of each host: with run_once the first one's would count for all.
+ Checked on each host: with run_once the first one's setting would apply to all.
- After a change: healthy within the deadline, or a failure that shows the log.
+ After a change: healthy within the deadline, or a failure with the log.
- The other entries, for tasks_from: what is wrong in an input is refused there as well.
+ The other entry points, for tasks_from: wrong inputs are refused there as well.
- After a power cut the file must be the new or the old one, never an empty one.
+ After a power cut the file must be the new or the old one, never empty.
- What a deploy that failed after the switch has left behind, a line for each part.
+ The state after a deploy that failed after the switch, one line each.
- Nothing where all hosts of the run hold the same bytes under each name.
+ Empty if all hosts of the run have the same digest for each name.
- One line an answer, and the hosts that got it.
+ One line per answer, with the hosts that got it.
# --- roles/docker_engine
- What there is to install on which distribution, and what follows from it for one host.
+ The packages for each distribution, and what follows from them for a host.
- The vendor has no SDK for Python; that one is always the distribution's.
+ The vendor has no package of the Python SDK; it always comes from the distribution.
- Nobody's containers run on an Engine that came in this run.
+ There are no containers on an Engine that was installed in this run.
- All that speaks against installing, on a distribution that is known.
+ Everything that prevents the installation, on a supported distribution.
- # 1 is said in words below
+ # 1 is reported below
- Proxies stand in it with their passwords, hence the mode as well.
+ It may contain proxies with their passwords, hence the mode as well.
- The file that was there before this run, and the Engine with it: no container waits for a person.
+ Restores the file from before this run and starts the Engine with it, so that no container stays down.
- Brings the missing packages, and touches no other one.
+ Installs the missing packages, and changes no other.
- A host that has the vendor's Engine knows the repository; naming it twice with two keys is an error to apt.
+ A host with the vendor's Engine has the repository; adding it again with another key is an error for apt.
- Recommended with docker.io is needrestart, which restarts services of its own accord.
+ docker.io recommends needrestart, which restarts services on its own.
- In place of what it conflicts with, apt would remove it.
+ Otherwise apt would remove packages that conflict.
- Where files bring everything, no repository may be in reach.
+ If package files provide everything, there may be no reachable repository.
- Refuses what cannot work before anything is touched. Output: __docker_engine_seen
+ Refuses what cannot work before anything is changed. Output: __docker_engine_seen
- The apt module could not look in check mode: python3-apt is missing on a bare host.
+ The apt module does not work in check mode here: python3-apt is missing on a bare host.
- Looks at the packages first: what is there is left as it is.
+ Looks at the packages first: what is installed is not changed.
- A daemon.json newer than the running Engine waits for a restart, in this run and in every later one.
+ A daemon.json newer than the running Engine needs a restart, in this run and in every later one.
@ playbooks/*
- Included, because a role that is listed costs a clean host one skipped task for each of its own.
+ Included, because a listed role costs a clean host one skipped task for each of its tasks.
- Binds deploys to the model bytes that the hosts hold now, in ollama_stack_lock_file; shows the file as well, and hands its digests on
+ Pins deploys to the digests of the hosts' models, in ollama_stack_lock_file; also shows the file, and sets its digests
- as the statistic ollama_stack_lock, for a controller whose disk is thrown away.
+ as the statistic ollama_stack_lock, for controllers without a persistent disk.
- registries whether the names still mean those bytes; ollama_stack_lock_policy says whether a moved one fails.
+ registries whether the tags still refer to these digests; ollama_stack_lock_policy says whether a moved tag fails.
- Takes the stack away after asking. Models and volumes stay;
+ Removes the stack after a confirmation. Models and volumes stay;
- Where nobody can be asked: -e teardown_confirmed
+ Without a prompt: -e teardown_confirmed
- Read-only: what each host serves and holds; fails where anything is not as wanted. Bytes that were not hashed since a boot are
+ Read-only: what each host serves and has; fails if anything differs from the inventory. Models not hashed since a boot are
- no failure; -e verify=full reads them all.
+ not a failure; -e verify=full hashes them all.
- As long as a deploy gives what was just started.
+ The time that a deploy gives to containers that were just started.
@ plugins/*
- Containers of others by the network that is to be made anew under them.
+ Containers of other projects, by the network that must be recreated.
- Whether the Engine gives containers other uids than they see (userns-remap).
+ Whether the Engine maps container users to other uids (userns-remap).
- Whether the host's own ollama.service is at work in the models' folder.
+ Whether the host's own ollama.service uses the models' folder.
- Whether the Engine can hand NVIDIA's GPUs to a container.
+ Whether the Engine can give NVIDIA GPUs to a container.
- Whether the Engine confines containers with SELinux.
+ Whether the Engine runs containers under SELinux.
- What registries said of logins and images, each by its name; only refusals are told.
+ The registries' answers about logins and images, by name; only refusals.
- Whether root's own `docker login` counts.
+ Whether root's own `docker login` is used.
- One sentence for each reason; document is the compose file as Compose reads it, {} if it does not.
+ All refusals, one sentence each; document is the compose file as Compose reads it, {} if it cannot.
- Bytes of a number with k, m or g as Compose takes it; None when it is none.
+ Bytes of a size with k, m or g in Compose's notation; None if it is invalid.
- Repository, tag and digest of an image's name; what is not there is "".
+ Repository, tag and digest of an image's name; missing parts are "".
- What the server of that image says, else its tag.
+ The version from the server of that image, else from its tag.
- The registry that an image's name leads to.
+ The registry of an image's name.
- Docker keeps it as it resolves it, and what is compared with that must be the same text.
+ Docker stores the normalized path, and it is compared as text.
- Not repeated in the message, which ends in logs.
+ Not repeated in the message, which goes to logs.
- Imported where they are needed: a look that finds all as wanted is to be quick.
+ Imported only where it is needed, to keep the look at a clean host fast.
- The last number is "nobody" to the kernel.
+ The last number means "no user" to the kernel.
- A number, or one that lies between no limits.
+ A number, or NaN, which is outside of all limits.
- Whether Docker can read it as the name of an image.
+ Whether this is a valid image name.
- The names that only Compose knows: those of other services, and those of ours that hold a variable.
+ The image names that only Compose resolves: those of other services, and ours that contain a variable.
- One that holds a variable is judged as Compose reads it.
+ A name with a variable is checked as Compose resolves it.
- Only its server says which Ollama an image is whose tag does not.
+ If the tag has no version, only the running server tells it.
- Docker labels its own volumes, not what is mounted from the host; none of it was ever tried.
+ Docker labels its own volumes, but not mounts from the host; this was never tested.
- A port of the host that two services would have, of which Docker starts the first alone.
+ A host port that two services publish, of which Docker starts only the first.
- A GPU holds the weights in memory of its own, of which nothing is known here.
+ With a GPU the weights are in its own memory, whose size is not known here.
@ inventory/*
- Where its registry asks for a login; the password is best kept in a vault.
+ If its registry requires a login; keep the password in a vault.
- Whether `lock.yml -e check=true` fails where a tag was moved in its registry, or only tells.
+ Whether `lock.yml -e check=true` fails if a tag has moved in its registry, or only warns.
- A stack that a person started by hand keeps its folder and its project name.
+ A stack that was set up by hand keeps its folder and its project name.
- The first run over such a stack refuses with a list; this says «yes, take it over».
+ The first deploy over such a stack is refused with a list; this takes it over.
- Memory is a hard ceiling without swap; it must hold the model and its context.
+ A hard memory limit without swap; it must hold the model and its context.
- as Compose knows them.
+ in Compose's own syntax.
- Bring Engine, Compose v2 and python3-docker to a Debian or Ubuntu that has none;
+ Install Engine, Compose v2 and python3-docker on a Debian or Ubuntu that has none;
- Said, not discovered: python3-docker belongs to the distribution's own Python.
+ Set explicitly: python3-docker belongs to the distribution's own Python.
@ roles/*
- Every input of the role. What each is for stands in meta/argument_specs.yml: `ansible-doc
+ Every input of the role. Their descriptions are in meta/argument_specs.yml: `ansible-doc
- The contract of the role's inputs, with their reasons; README.md's table is made of it: `make pages`.
+ The role's inputs and their reasons; `make pages` writes README.md's table from it.
@ plugins/*
~ Makes plans true: blobs first, manifest last, each on disk before the next. Private.
+ Carries out plans: blobs first, manifest last, each flushed before the next. Private.
~ One connection, with its own descriptor, buffer and pace.
+ One connection, with its own descriptor, buffer and read size.
~ Only now its clock begins: the tries for that answer may have taken their time.
+ Start the timeout only now: the retries for that response may have taken some time.
~ The file that a blob grows in, and the record of which of its bytes are there. Private.
+ The partial file of a blob, and the record of its downloaded bytes. Private.
~ What lies between a store as it is and as it is wanted: looked at, and nothing replaced. Private.
+ The differences between a store and its wanted state; changes nothing. Private.
~ Which bytes of a blob are here, and which are to come. Extents are half-open, sorted, and never touch. Private.
+ The downloaded and missing bytes of a blob. Extents are half-open, sorted, and never adjacent. Private.
~ What of a blob is here and what is still to come, shared by the threads that fetch it, hash it and watch.
+ The downloaded and missing ranges of a blob, shared by the threads that download, hash and watch it.
~ Replaced, never changed: whoever reads it without the lock sees it as it was or as it is.
+ Replaced, never modified: a reader without the lock sees the old or the new list.
~ # How many fetch.
+ # The number of downloading threads.
~ The next range in file order; None when there is none, and whoever asked is done.
+ The next range in file order; None if there is none, and the caller is done.
~ """These bytes are in the file."""
+ """Mark these bytes as downloaded."""
~ Takes models out of a store, and says what no model uses. Private.
+ Removes models from a store, and finds what no model uses. Private.
~ What the parts of an install hand to each other. Private.
+ The types shared by the parts of an installation. Private.
~ Who to be at a registry: what it asks for, and what it is told. Private.
+ Authentication at registries. Private.
~ What registries were found to want of us, by their origins; one registry's login goes to nobody else.
+ The Authorization headers of registries by their origins; a registry's login is sent to no other.
~ One request to a token service: its status and, with 200, its body.
+ One request to a token service: the status and, with 200, the body.
~ What goes with a request to this origin.
+ The headers for a request to this origin.
~ Find what to send to the origin of url; False when we have nothing it would take.
+ Get the credentials for the origin of url; False if there are none to try.
~ One blob's bytes, in ranges, from the registry or from where it points. Private.
+ One blob's bytes, in ranges, from the registry or the target of its redirect. Private.
~ What can stand between us and a model, each with a sentence for the operator. Pure and private.
+ The errors of registries, each with a sentence for the operator. Pure and private.
~ Which addresses a registry may have, and who is told what: no request is made here.
+ Rules for registry URLs and for where credentials are sent: no request is made here.
~ HTTP as registries are spoken to: no redirect is followed unasked, and an answer must begin in time. Private.
+ HTTP for registries: no automatic redirects, and a response must start in time. Private.
~ The authorities of the host, and those of a file; to build it costs more than a request.
+ The CAs of the host and those of a file; building this costs more than a request.
~ The way to a path below one root folder. The way to the root is the operator's, and may lead over links.
+ Walks to paths below one root folder. The path to the root is set by the operator and may contain links.
~ What lies there, as it is and in words; nothing is changed.
+ Read-only access below the root, and descriptions in words.
~ As nearest_folder, by descriptors: a link is no folder. Above the root it stops.
+ Like nearest_folder, by descriptors: a link is not a folder. Stops above the root.
~ What lies there, looked at and changed: the one that the code of a store is given.
+ Read and write access below the root: the class that the code of a store uses.
~ The folder itself, or the one that it will be made in.
+ The folder itself, or its nearest existing parent.
~ Of a relative path nothing would be left in the end.
+ A relative path would become empty at the end.
~ An Ollama model store on disk: where things lie. Private.
+ The paths of an Ollama model store on disk. Private.
~ What lies in a model store: who may change it, what is left over, what does not belong there. Private.
+ The content of a model store: who may change it, what is left over, what does not belong there. Private.
~ What ollama_model does, from its options to its result. Private.
+ ollama_model from its options to its result. Private.
~ Where the store is, and the Engine where one is needed, or why there is none.
+ The store, and the Engine if it is needed, or why there is none.
~ The given folder or that of the project's volume; in check mode a missing one is predicted as empty.
+ The given folder or that of the project's volume; check mode assumes an empty store if it is missing.
~ Have the models in the store, or not in it.
+ Install or remove the models.
~ Restart what may hold replaced bytes, those of an earlier run that was killed included; returns the names.
+ Restart containers that may use replaced files, also those of a killed earlier run; returns their names.
~ What ollama_model was asked for.
+ The options of ollama_model.
~ The options, once everything is known to be possible; InputInvalid lists all mistakes.
+ The options after all checks; InputInvalid lists all mistakes.
~ How amounts of bytes are written for people. Pure and private.
+ Bytes in readable units. Pure and private.
~ How they do, once rules.find_mistakes has nothing against them.
+ The options as Access, after rules.find_mistakes has found none.
~ Everything about mirror, insecure, ca_path, registries and ollama_version that cannot be.
+ All mistakes in mirror, insecure, ca_path, registries and ollama_version.
~ How registries are asked for what is not in the store; None not to.
+ The options for asking registries about missing models; None to ask none.
~ How far bytes are looked at: all hashed, those that no receipt proves, or none beyond their size.
+ How bytes are verified: all hashed, those without a receipt, or by size only.
@ tests/*
- "# An entry of its own"
+ "# An entry point"
@ plugins/*
~ Whether registries give the Engine what it asks them for. Private.
+ Whether registries give the Engine access to what it needs. Private.
~ None where no registry answered: the SDK's other errors carry no status.
+ None if no registry answered: other errors of the SDK have no status.
~ From where Compose read its project.
+ The project folder that Compose used.
~ What a look at the host adds: secrets that it was started with and that are others by now, and whose process it
+ Added by a look at the host: secrets that have changed since it was started, and the uid of its process, if there
~ runs, where secrets make that count.
+ are secrets.
~ The SDK's client, for one exchange; what fails in it is an EngineError.
+ The SDK's client for one request; its errors become EngineErrors.
~ Whether the Engine said that it has no such thing.
+ Whether the Engine returned "not found".
~ What Docker Compose reads in a compose file, asked from its own program. Private.
+ Runs Docker Compose to read a compose file. Private.
~ still_time is asked again and again, and raises when the time is up.
+ still_time is called repeatedly, and raises when the time is up.
~ Where the models of a Compose project lie on the host. Private.
+ Finds the models of a Compose project on the host. Private.
~ From the options of ollama_model_info to its result: one look at models, and its sentences. Private.
+ ollama_model_info from its options to its result. Private.
~ """What the module is asked, read once."""
+ """The options of the module."""
~ The options of ollama_model_info; InputInvalid says which contradict each other or cannot be.
+ The options of ollama_model_info; InputInvalid says which are invalid or contradict each other.
~ The verdict on a stack, for tasks and for a person. Pure and private.
+ The verdict on a stack, for tasks and as text. Pure and private.
~ The role's inputs, those included of which the module is told other than by their values.
+ The role's inputs, with those that the module gets in other options.
~ Whether every byte of the models is read.
+ Whether all models are hashed.
~ Seconds to wait for what time may mend, and whether a deploy has just started the services.
+ Seconds to wait for a recovery, and whether a deploy has just started the services.
~ The query without what wrong inputs lead to; no registry is asked, or told of a login, by them.
+ The query without what depends on wrong inputs; with those no registry is asked or gets a login.
~ Asks a serving Ollama, its container and the kernel's counters. Private.
+ Asks a running Ollama, its container and the kernel's counters. Private.
~ What a deploy does about what a look found: which containers, networks and images it touches. Pure and private.
+ What a deploy does about the differences: which containers, networks and images it changes. Pure and private.
~ The stack's own files on the host, secrets and logins among them, and which secrets its containers hold. Private.
+ The stack's own files on the host, including secrets and logins, and the secrets of its containers. Private.
~ What the preflight asks of a host: devices, disks, networks, versions, what its models need. Private.
+ What the preflight needs to know about a host: devices, disks, networks, versions, needs of models. Private.
~ Judges a stack: what Compose reads in its file against what the host shows. Pure and private.
+ Compares a stack as Compose reads it with the host. Pure and private.
~ Has the Engine try what a deploy would need of registries. Private.
+ Lets the Engine try what a deploy needs from registries. Private.
~ What a stack is judged by: the files, what was seen of the host, and reasons. Private.
+ The types of the judgement: files, observations of the host, and reasons. Private.
'''

if __name__ == "__main__":
    sys.exit(run(TABLE + ROLES))
