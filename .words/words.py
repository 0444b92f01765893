"""Messages that an operator reads, their tests, and documentation texts. python3 /tmp/w/words.py ROOT [--dry]"""

import sys

from wordtool import run

TABLE = r"""
# --- _stack/judge
- return f"{self.subject}: {self.why}; {ACTIONS[self.action]}"
+ return f"{self.subject}: {self.why} ({ACTIONS[self.action]})"
- "write": "a deploy writes it",
+ "write": "deploy will write it",
- "remove": "a deploy removes it",
+ "remove": "deploy will remove it",
- "create": "a deploy creates it",
+ "create": "deploy will create it",
- "recreate": "a deploy recreates its container",
+ "recreate": "deploy will recreate the container",
- "restart": "a deploy restarts its container",
+ "restart": "deploy will restart the container",
- "start": "a deploy starts it",
+ "start": "deploy will start it",
- "rebuild": "a deploy makes the network anew and connects its containers again",
+ "rebuild": "deploy will recreate the network and reconnect its containers",
- "connect": "a deploy connects it",
+ "connect": "deploy will connect it",
- "install": "a deploy installs it",
+ "install": "deploy will install it",
- "check": "a deploy hashes it, and installs it again where that shows damage",
+ "check": "deploy will hash it, and reinstall it if it is damaged",
- "prove": "a deploy reads and compares them, as does verify.yml with -e verify=full",
+ "prove": "deploy will hash it, as does verify.yml with -e verify=full",
- "wait": "it may still come up by itself",
+ "wait": "may recover on its own",
- "ask": "it needs to be mended by hand",
+ "ask": "needs manual action",
- {file.path} was not written by us
+ {file.path} is not managed by archiv.ollama
- "it was not written by us"
+ "not managed by archiv.ollama"
-  runs service {container.service} of {container.config_files or 'an unknown file'}
+  ({container.service}) is from {container.config_files or 'an unknown file'}
- left alone, the compose file does not name it: {orphan}
+ not in the compose file, left alone: {orphan}
- {project} is not as wanted:
+ {project} differs from the inventory:
- {project} is as wanted
+ {project} matches the inventory
- "nothing asks for it any more"
+ "no longer needed"
- "the file is missing"
+ "file is missing"
- its content is not what the inventory says
+ content differs from the inventory
- its mode is {file.mode}, not {file.wanted_mode}
+ mode is {file.mode}, expected {file.wanted_mode}
- it belongs to uid {file.owner}, not {file.wanted_owner}
+ owner is uid {file.owner}, expected {file.wanted_owner}
- "the network does not exist"
+ "network does not exist"
- "the volume does not exist"
+ "volume does not exist"
- "it is not internal" if network.internal else "it is internal and must not be"
+ "network is not internal" if network.internal else "network is internal and must not be"
- it has no container
+ container does not exist
- the name {service.image} means another image than the one it runs
+ tag {service.image} now points to a different image than the running container
- its memory limit is {_limit(container.memory)}, not {_limit(service.memory)}
+ memory limit is {_limit(container.memory)}, expected {_limit(service.memory)}
- it was started with another {', '.join(container.outdated)}
+ still runs with the old value of secret {', '.join(container.outdated)}
- the network {network} it is to be on is gone
+ network {network} was deleted
- the network {network} it was made for is gone
+ network {network} was deleted, so the container cannot start
- its container is not on {network}
+ container is not connected to network {network}
- and counts its configuration as changed
+ and treats the configuration as changed
- its container runs with another configuration
+ container runs with a different configuration
- "it is still at work"
+ "still running"
- its container is {container.state}
+ container is {container.state}
- it ended with exit code {container.exit_code}
+ exited with code {container.exit_code}
- its container is paused
+ container is paused
- its container dies and is restarted again and again (exit code {container.exit_code})
+ container keeps restarting, last exit code {container.exit_code}
- "it is not healthy yet"
+ "container is not healthy yet"
- "it is unhealthy"
+ "container is unhealthy"
- {pins[0].expected} is not what the store holds ({pins[0].found})
+ the store has {pins[0].found}, expected {pins[0].expected}
- "it is not in the store"
+ "not in the store"
- "nobody looked"
+ "not checked"
- size = f"its {sized(model.manifest.size)}" if model.manifest else "its bytes"
+ size = sized(model.manifest.size) if model.manifest else "bytes"
- {size} are not proven ({why})
+ {size} not verified; {why}
- leaks its memory to whoever reaches it (CVE-2026-7482); take {dotted(OLLAMA_FLOOR)} or later
+ leaks memory to anyone who can reach it (CVE-2026-7482); use {dotted(OLLAMA_FLOOR)} or later
# --- _stack/preflight
- "blanks, quotes, :, %, $ and \\"
+ "whitespace, quotes, :, %, $ and \\"
- take a path without {named}, which command lines or Compose read as their own
+ use a path without {named}, which have a special meaning to the shell or Compose
- Compose takes lower case letters, digits, - and _ only
+ Compose allows only lower case letters, digits, - and _
- Ollama would silently use 5m; write -1
+ Ollama would silently use 5m; use -1
- write numbers as uid:gid, not those of root
+ use a numeric uid:gid, not root's
- it becomes a file name: take letters, digits, _ . -, and no . or - first
+ it becomes a file name: use only letters, digits, _ . -, and no . or - at the start
- write a size such as 8g or 6144m
+ use a size such as 8g or 6144m
- name the stack's folder on the host, such as
+ set the stack's folder on the host, such as
- give an absolute path on the host
+ use an absolute path on the host
- that is the whole host: give a folder of its own
+ that is the root directory of the host: use a folder of its own
- write it without .., . and needless /, as {clean}
+ write it without .., . and extra /, as {clean}
- holds a password, which `docker inspect` would show: take a proxy without one
+ contains a password, which `docker inspect` would show: use a proxy without one
- give the IP address of the host that the port is bound to, or nothing for every address
+ use the IP address of the host to bind the port to, or leave it empty for all addresses
- give a number from {least} to {most}
+ use a number from {least} to {most}
- give the numbers of groups, from 0 to 4294967294
+ use numeric group ids from 0 to 4294967294
- add to backend with ollama_stack_backend_extra
+ change backend with ollama_stack_backend_extra instead
- the compose file has one of its own by that name: take another
+ the compose file already uses this name: choose another
- write each as {name: ..., digest: ...}, both as text
+ write each as {name: ..., digest: ...}, both as strings
- "it is there more than once"
+ "listed more than once"
- , where {model['name']} is: take registry
+ , which hosts {model['name']}: use registry
- Docker cannot read it as an image's name: write
+ not a valid image name: write
- it changes under a running archive; give an exact tag or a digest
+ the image can change under a running archive; use an exact tag or a digest
- Compose reads {image}: {trouble}
+ Compose reads it as {image}: {trouble}
- name the image and its tag; it has no default
+ set the image and its tag; there is no default
- ollama_stack_registries: {host} does not take the username and password given for it; correct them, or
+ ollama_stack_registries: {host} rejected the username and password; correct them, or
-  take them out where it needs none (it says: {why})
+  remove them if it needs no login (it says: {why})
- give a login for {host} in ollama_stack_registries, or `docker login {host}` as root on the host
+ add a login for {host} to ollama_stack_registries, or run `docker login {host}` as root on the host
- see that ollama_stack_registries has a login for {host} that may read it
+ check that the login for {host} in ollama_stack_registries may pull it
- the image {image} is not given out: {way}, and check the image's name (the registry says: {why})
+ access to image {image} was denied: {way}, and check the image name (the registry says: {why})
- the tasks run without root's rights, which Docker and the model store need: set become: true
+ the tasks do not run as root, which Docker and the model store require: set become: true
- "older ones were never tried"
+ "older versions were never tested"
- "older ones cannot pull the missing images alone"
+ "older versions cannot pull only the missing images"
- {dotted(floor)} or later is needed, {why}
+ {dotted(floor)} or later is required, {why}
- the host's kernel has no memory control group, so no memory limit would hold:
+ the host's kernel has no memory cgroup, so memory limits have no effect:
- enable it on the kernel's command line (
+ enable it on the kernel command line (
- the Docker Engine gives the users of containers other numbers on the host (userns-remap), so that what
+ the Docker Engine maps container users to other uids on the host (userns-remap), so files that
-  root writes there is not root's own here: take userns-remap out of its daemon.json
+  root writes in a container do not belong to root on the host: remove userns-remap from its daemon.json
- ollama.service of this host works in it and would change models behind this stack: stop it with
+ ollama.service on this host also uses this folder and would change its models: stop it with
- the filesystem of {host.store} knows no locks, so two writers could
+ the filesystem of {host.store} does not support file locks, so two writers could
-  damage a model: take a local filesystem
+  damage a model: use a local filesystem
- the host's Docker confines containers with SELinux, under which they could not read what
+ Docker on the host runs containers under SELinux, which does not let them read what
-  from the host: leave that out, or set
+  from the host: remove that, or set
- network {network} must be made anew, because Docker cannot change whether it is internal, and containers
+ network {network} must be recreated, because Docker cannot change whether it is internal, but containers
-  of others hang on it ({', '.join(users)}): take each off it with `docker network disconnect {network}
+  of other projects use it ({', '.join(users)}): disconnect each with `docker network disconnect {network}
-  {users[0]}`, and give it another network to reach the backend by, such as the stack's edge
+  {users[0]}`, and connect it to another network of the backend, such as the stack's edge
- nothing on the host says that Docker can hand out such a GPU: install NVIDIA's driver and its container
+ found no NVIDIA runtime for Docker on the host: install the NVIDIA driver and its Container
-  toolkit there and restart Docker, or take none
+  Toolkit there and restart Docker, or use none
- , which the kernel's driver amdgpu makes: load it, or take none
+ , which the kernel driver amdgpu creates: load it, or use none
- , and the server must be in each of them: write {sorted(set(needed.values()))} for this host
+ , and the server must be in each of them: set {sorted(set(needed.values()))} for this host
-  (ADR-034 §1); leave it out
+  (ADR-034 §1); remove that dependency
-  drops the port without a word: add the network edge to it
+  silently ignores the port: add the network edge to it
- CPUs{variable}, and the host has {host.cpus}: Docker makes no such
+ CPUs{variable}, and the host has {host.cpus}: Docker refuses such a
-  container, so give at most {host.cpus}
+  container, so set at most {host.cpus}
- ollama_stack_backend_extra takes {needed} from backend's {key}, without which it finds no Ollama:
+ ollama_stack_backend_extra removes {needed} from backend's {key}, so backend cannot find Ollama:
-  Ollama loads once and shows under one name, so the other would never be seen loaded: keep one of them
+  Ollama loads once and shows under one name, so the other never shows as loaded: keep one of them
-  load; raise the limit, or name fewer or smaller models
+  load; raise the limit, or use fewer or smaller models
- is {sized(limit)}: the host has"
+ is {sized(limit)}: the host has only"
- of memory in all
+ of memory
- the memory limits together ({others}) are more than the host's {sized(host.memory)}
+ the memory limits ({others}) add up to more than the host's {sized(host.memory)}
- alone needs more, so the kernel would kill it
+ alone needs more, so it would run out of memory
- are loaded together and need {total}, so the kernel would kill one
+ are loaded together and need {total}, so one would run out of memory
- the disk of {folder} has {sized(free)} free, and about {sized(size)} are needed for {what}
+ not enough disk space in {folder}: {sized(free)} free, about {sized(size)} needed for {what}
# --- _stack/adopt
- the backend of {where} has what the new one would lack or have otherwise: {', '.join(lost)}; put each
+ the backend in {where} has settings that the new one lacks or changes: {', '.join(lost)}; add each
-  into the inventory (ollama_stack_backend_environment, ollama_stack_backend_secrets,
+  to the inventory (ollama_stack_backend_environment, ollama_stack_backend_secrets,
-  ollama_stack_backend_extra or the input of its own), or give it up by naming it in
+  ollama_stack_backend_extra or its own input), or drop it by listing it in
- ollama_stack_adopt_without names {', '.join(unknown)}, which the backend of {where} does not have: it has
+ ollama_stack_adopt_without lists {', '.join(unknown)}, which the backend in {where} does not have: it has
- or 'nothing to lose'
+ or 'no settings'
- nobody can tell what the backend of {where} would lose, because Compose does not read it
+ cannot tell what the backend in {where} would lose: Compose cannot read the file
- : mend it until `docker compose config` takes it, or take the old containers
+ : fix it until `docker compose config` accepts it, or remove the old containers
-  down and the file away by hand, which keeps the volumes, and deploy anew
+  and the file by hand (the volumes are kept), then deploy again
# --- _stack/look
- it refused the file without a word
+ it rejected the file without an error message
- docker compose did not answer in {CLI_SECONDS} s
+ docker compose timed out after {CLI_SECONDS} s
# --- _engine/client
- only a socket of this host can be asked, because models are read and written
+ only a socket on this host is supported, because models are read and written
-  where that Engine keeps them; write its path, such as {DEFAULT_HOST}
+  where that Engine keeps them; use its path, such as {DEFAULT_HOST}
-  keeps the files out of the host's sight
+  does not expose its files on the host
- its driver options {_in_words(options)} leave it unmounted while nothing runs
+ its driver options {_in_words(options)} leave it unmounted until a container uses it
- the Python that Ansible uses on this host, {sys.executable}, has no docker SDK, through which the Engine
+ the Docker SDK for Python is missing in {sys.executable}, the Python that Ansible uses on this host;
-  is asked; install it with `apt-get install python3-docker` (or pip install docker), or name another one
+  install it with `apt-get install python3-docker` (or pip install docker), or set another Python
- this user may not speak to the Docker Engine at {path}; use become: true
+ permission denied on the Docker Engine's socket {path}; use become: true
- the Docker Engine at {self._host} did not answer as it should: {error};
+ the request to the Docker Engine at {self._host} failed: {error};
-  look at `systemctl status docker` on the host
+  check `systemctl status docker` on the host
# --- _entry
- not done within {seconds:.0f} s, so it was ended: look at the host's load, disk and network
+ timed out after {seconds:.0f} s: check the host's load, disk and network
- the host has no memory left for this module: free some, or give the host more
+ out of memory on the host: free some memory, or give the host more
- {type(error).__name__} at {where}: {error}; archiv.ollama was not made for this, so please report it with
+ unexpected {type(error).__name__} at {where}: {error}; this is a bug in archiv.ollama, please report it with
@ plugins/*bounds.py
-  this sentence"
+  this message"
@ *
- where = f" at {error.filename}" if error.filename else ""
+ where = error.filename or "a file"
- the disk refused{where}: {error.strerror or error}; check that this runs as root and the file system is sound
+ cannot access {where}: {error.strerror or error}; run as root (become: true) and check the file system
-  must be 1 to {_MOST_CONNECTIONS}
+  must be from 1 to {_MOST_CONNECTIONS}
- predicted as for an empty store: {error}
+ check mode assumes an empty store: {error}
~ restart whatever serves {params['store']}, it may hold replaced bytes: {why_no_engine}
+ restart the server that uses {params['store']}, it may still use replaced files: {why_no_engine}
~ restart whatever serves {options.store}, it may hold replaced bytes: {found.why_no_engine}
+ restart the server that uses {options.store}, it may still use replaced files: {found.why_no_engine}
- {', '.join(names)} restarted, and the models loaded again
+ restarted {', '.join(names)} and reloaded the models
- the models are whole on disk, but {failure}
+ the models on disk are intact, but {failure}
- "looking at what is there"
+ "checking the store"
# --- _install
- damaged, and `repair: false` forbids to mend it: {
+ model is damaged and `repair` is false: {
- {folder} lies on another file system than {store.partials_dir}, so nothing can be put in
+ {folder} is on another file system than {store.partials_dir}, so files cannot be
-  place in one step; have both on one (give the folder above models/ the disk of its own)
+  renamed atomically; mount the disk at the parent folder of models/ instead
- its manifest cannot be read ({error}), so its blobs are not known
+ its manifest cannot be read ({error})
- {printable(other)} cannot be read, and may use the same blobs
+ {printable(other)} cannot be read and may use the same blobs
- {error}. {one.name} still lacks: {words}
+ {error}. Still missing for {one.name}: {words}
~ {folder} has {free} bytes free, {needed} are needed ({todo} to fetch and a margin);
+ no space left in {folder}: {free} bytes free, {needed} needed ({todo} to download plus a margin);
~ {folder} has {sized(free)} free, {sized(needed)} are needed ({sized(todo)} to fetch and a margin);
+ no space left in {folder}: {sized(free)} free, {sized(needed)} needed ({sized(todo)} plus a margin);
-  nothing was fetched, so make room (`prune` removes what no model uses) and run again
+  nothing was downloaded; free some space (`prune` removes unused files) and run again
- : no byte for {self.limits.stall_timeout:g} s, with
+ : no data for {self.limits.stall_timeout:g} s, with
-  here; they are kept, run again to go on from there
+  downloaded; they are kept, run again to resume
- {shown(source.url)} sent {source.size} bytes that hash to {found}; they were
+ digest mismatch: {shown(source.url)} sent {source.size} bytes with digest {found}; they were
-  dropped: the registry or something before it changes what it serves
+  discarded: the registry or a proxy in between alters the data
~ the file system of {folder} ran full at blob {digest} ({source.size} bytes); what had
+ no space left in {folder} for blob {digest} ({source.size} bytes); the partial
~ the file system of {folder} ran full at blob {digest} ({sized(source.size)}); what had
+ no space left in {folder} for blob {digest} ({sized(source.size)}); the partial
-  come of it was removed, so make room and run again
+  download was removed, free some space and run again
- hung up after {
+ closed the connection after {
- "ended early while it was read back"
+ "the file is shorter than what was written"
- no receipts were kept, so the next look hashes all again: {error}
+ cannot write receipts, so the next run hashes all blobs again: {error}
- "there, nothing to do"
+ "already present"
- there, every byte hashed
+ already present, all bytes hashed
- {wish.name}: not there
+ {wish.name}: not present
- {removal.name}: not there
+ {removal.name}: not present
- {removal.name}: its blobs stay, for {removal.kept_because}
+ {removal.name}: blobs kept: {removal.kept_because}
- the receipts of {removal.name} stay, though they prove nothing now: {error}
+ stale receipts of {removal.name} could not be removed: {error}
- blobs no model seems to use were kept: {bad} cannot be read and may name them
+ unreferenced blobs were kept: {bad} cannot be read and may refer to them
~ {len(unused)} unused files of {human(sum(one.bytes for one in unused))} removed
+ removed {len(unused)} unused files ({human(sum(one.bytes for one in unused))})
~ {len(unused)} unused files of {sized(sum(one.bytes for one in unused))} removed
+ removed {len(unused)} unused files ({sized(sum(one.bytes for one in unused))})
- waiting for {who_holds(store.disk, store.lock_path) or 'another writer'} to leave the store
+ waiting for the lock held by {who_holds(store.disk, store.lock_path) or 'another process'}
- `ollama pull` ended well, but what it left is not what is wanted: {
+ `ollama pull` succeeded, but the result is wrong: {
# --- _model
- "nothing but zero bytes"
+ "only zero bytes"
- Ollama knows at most host/namespace/model:tag
+ use at most host/namespace/model:tag
- is empty or has blanks around it; write model:tag
+ is empty or has spaces around it; write model:tag
- (plain HTTP is an option of its own, never part of the name)
+ (plain HTTP is a separate option, not part of the name)
- carries an @; Ollama cannot pin a digest inside the name,
+ contains an @; Ollama cannot pin a digest in the name,
-  give it beside the name as {name: ..., digest: ...}
+  write {name: ..., digest: ...} instead
- characters, Ollama takes 1 to {longest}
+ characters, Ollama allows 1 to {longest}
- may hold only
+ may contain only
- ; a registry of your own needs all three parts, host/namespace/model:tag
+ ; your own registry needs all three parts, host/namespace/model:tag
- name a model whose weights can be stored here
+ use a model whose weights can be downloaded
# --- _registry
- not done within {self.seconds:g} s; what was fetched is kept, so run again to go
+ timed out after {self.seconds:g} s; the partial download is kept, run again to
-  on from there, or give more time with `timeout`
+  resume, or raise `timeout`
- carries credentials or a query; give its login in `registries`
+ contains credentials or a query; put its login into `registries`
-  (ollama_stack_registries) and the bare URL here
+  (ollama_stack_registries) and only the URL here
- is plain HTTP, which anyone on the way can change; use https, or say `insecure: true`
+ is plain HTTP, which anyone in between can alter; use https, or set `insecure: true`
- answered with a redirect that leads nowhere (no Location)
+ returned a redirect without a Location header
- , which is no http or"
+ , which is not an http or"
-  https address; nothing was read from it, ask who runs this registry
+  https URL; the redirect was refused, ask the registry's operator
- redirects from https to plain http at {parts.hostname}; this was refused
+ redirects from https to plain http at {parts.hostname}; this is refused
- redirects to an address with a user name in it
+ redirects to a URL with a user name in it; this is refused
- ; who runs it must have one made for that name and for today
+ ; the registry needs a valid certificate for this host name
- ; give the authority that signed it as `ca_path`
+ ; set `ca_path` to the certificate of the CA that signed it
-  does not hold the authority that signed it
+  does not contain the CA that signed it
- {where} can be no host, a part of its name is empty or too long; check the name
+ {where} is not a valid host name, a part of it is empty or too long; check the name
- cannot look up the address of {where} ({reason.strerror}); check DNS and the
+ cannot resolve {where} ({reason.strerror}); check DNS and the
-  spelling, or give a reachable `mirror`
+  spelling, or set a reachable `mirror`
- {where} refused the connection; is the registry running on that port?
+ connection to {where} refused; is the registry running on that port?
- {where} hung up before its answer was complete
+ {where} closed the connection before the response was complete
- no TLS with {where} ({getattr(reason, 'reason', '') or reason}); does it speak https?
+ TLS with {where} failed ({getattr(reason, 'reason', '') or reason}); does it use https?
- {where} did not answer within {patience:.3g} s
+ connection to {where} timed out after {patience:.3g} s
- cannot speak with {where}: {reason}
+ cannot connect to {where}: {reason}
- {where} refuses {what} ({status}); check its login in `registries` (ollama_stack_registries),
+ {where} denied access to {what} (HTTP {status}); check `registries` (ollama_stack_registries)
- " and the name: some registries answer so for what they do not have"
+ " and the name (some registries return this for models that do not exist)"
- {where} has no {what} (404); check the name and the tag, or the `mirror`
+ {where} has no {what} (HTTP 404); check the name and the tag, or the `mirror`
- {where} gives {what} only to a newer Ollama (412); raise the version of the image
+ {what} requires a newer Ollama ({where}: HTTP 412); upgrade ollama_stack_image
- {where} answers {status} for {what}; the registry is ill, try later
+ {where} returned HTTP {status} for {what}; try again later
- {where} answers {status} for {what}, which no registry should
+ {where} returned unexpected HTTP status {status} for {what}
- the answer's head did not come whole
+ incomplete response headers
- holds no certificates that can be used: {error}
+ contains no usable certificates: {error}
- {what} from {shown(url)} hashes to {found} but was announced as {told}; it was changed on the way
+ digest mismatch: {what} from {shown(url)} is {found}, announced as {told}; it was altered in transit
- did not send {what} whole within {
+ did not send all of {what} within {
- : still a redirect after {_REDIRECTS}; the registry sends us in circles
+ : too many redirects (more than {_REDIRECTS})
- {where} is no address: {challenge.realm[:100]!r}
+ {where} is not a valid URL: {challenge.realm[:100]!r}
~ {where} answers {answer.status}; it is ill, try later
+ {where} returned HTTP {answer.status}; try again later
~ {where} answers {status}; it is ill, try later
+ {where} returned HTTP {status}; try again later
-  says bytes {start} to {end} lie outside {what}, whose
+  rejected bytes {start} to {end} of {what} as out of range, although its
-  manifest promises {self.size}
+  manifest says {self.size} bytes
- with Content-Encoding {encoding[:20]}, though asked"
+ with Content-Encoding {encoding[:20]}, although plain"
-  for plain bytes; turn compression off in the proxy before it
+  bytes were requested; turn off compression in the proxy in front of it
- {where} answered without a token
+ {where} returned no token
- {where} refuses the login of {login.host} ({status}); check its username and password in `registries`
+ {where} rejected the login for {login.host} (HTTP {status}); check the password in `registries`
- {where} is at {host}, which was not shown the login of {login.host}, and gives no token without
+ {where} is at {host}, which does not get the login for {login.host}, and returned no token without it
-  ({status}); if it is that registry's own, say so in `registries` (ollama_stack_registries):
+  (HTTP {status}); if it belongs to that registry, set in `registries` (ollama_stack_registries):
- {where} gives no token without a login ({status}); give one in `registries` (ollama_stack_registries),
+ {where} requires a login (HTTP {status}); add one to `registries` (ollama_stack_registries)
-  with token_host: {host}, or check the name: some registries answer so for what they do not have
+  with token_host: {host}, or check the name (some registries return this for models that do not exist)
- {shown(url)} has {what} with {told} bytes, its manifest promises {size}
+ size mismatch: {shown(url)} has {what} with {told} bytes, its manifest says {size}
- is too plain: it is part of a name or path of this
+ is too simple: it is part of a name or path of this
-  deploy, where Ansible would hide it as well; take a longer one
+  deploy, where Ansible would mask it too; use a longer one
- write it as names of images do, host or host:port
+ write it as in image names, host or host:port
- is there more than once: keep one of its logins
+ is listed more than once: keep one login
- has a colon, which a login cannot carry
+ contains a colon, which a login cannot have
- the registry's {name} is {manifest.digest} now and it no longer gives out the pinned {pinned}; the tag
+ the registry's {name} is now {manifest.digest} and the pinned {pinned} is no longer available; the tag
-  moved: pin the new digest after a look at it, or give a `mirror` that keeps the pinned one
+  has moved: review and pin the new digest, or set a `mirror` that keeps the pinned one
- what the registry sent as the manifest of {name} is not one: {error}; is something
+ the registry sent an invalid manifest of {name}: {error}; is something else
-  (a login page, a proxy) answering in its place?
+  (a login page, a proxy) answering?
- names no weights, so it is not a model
+ lists no weights, so it is not a model
- "it is {found} still"
+ "unchanged: {found}"
- f"it moved: {known} -> {found}"
+ f"moved: {known} -> {found}"
- it moved: sha256
+ moved: sha256
- it is {found}, and no digest is known to compare with
+ now {found}, no known digest to compare with
# --- _serve
- an answer of more than {_BODY_LIMIT} bytes
+ response larger than {_BODY_LIMIT} bytes
- not an HTTP answer: {
+ not an HTTP response: {
- answers something else than a list of models
+ did not return a list of models
- {path} does not answer in JSON: {
+ {path} did not return JSON: {
- {path} gave no whole answer inside the container in {within:g} s
+ {path} timed out after {within:g} s inside the container
- {base_url}{path} gave no whole answer in {within:g} s
+ {base_url}{path} timed out after {within:g} s
- {path} cannot be asked inside the container (exit code {code})
+ request to {path} inside the container failed (exit code {code})
- /api/version names no version
+ /api/version returned no version
- models: {name} is there more than once
+ models: {name} is listed more than once
- ; known are digest, name, warm
+ ; valid keys are digest, name, warm
- ; write it as text, sha256:...
+ ; write it as a string, sha256:...
- is not an absolute path; give the folder that holds blobs and manifests
+ is not an absolute path; use the folder that contains blobs and manifests
- {why_no_engine}; or give the models folder as store, which needs no Engine
+ {why_no_engine}; or set store to the models folder, which needs no Engine
-  or give the models folder as store
+  or set store to the models folder
- ; give its models folder as store
+ ; set store to its models folder
- is not known to be intact: {'; '.join(state.unproven)}; look with verify: full
+ is not verified: {'; '.join(state.unproven)}; run with verify: full
- None: "not proven intact"
+ None: "not verified"
- "make the Engine answer, then look again"
+ "start Docker on the host, then try again"
- its state is {state} (exit code
+ container is {state} (exit code
- read `docker
+ check `docker
- its health is {container.health}
+ health is {container.health}
- /api/tags does not list it
+ not listed in /api/tags
- /api/ps does not list it: the next request pays the cold load
+ not listed in /api/ps: the next request has to load it first
- its state is {container.state}
+ container is {container.state}
- the server holds {_digest(loaded)}, the disk {wish.digest}
+ the server uses {_digest(loaded)}, the disk has {wish.digest}
- one token is due within {answer_within:g} s: check `docker logs`, restart the ollama service
+ it must return a token within {answer_within:g} s: check `docker logs`, restart the ollama service
- the kernel killed {usage.oom_kills or 'at least one'} of its processes for memory
+ out of memory: the kernel killed {usage.oom_kills or 'at least one'} of its processes
- raise OLLAMA_MEM_LIMIT or take a smaller model
+ raise OLLAMA_MEM_LIMIT or use a smaller model
- it runs on the CPU alone although a GPU is declared
+ runs on the CPU only although a GPU is configured
- its context is {actual} tokens, wanted {wanted}
+ context is {actual} tokens, expected {wanted}
- the container has no address of its own
+ the container has no IP address
- was restarted and does not answer after {_START_SECONDS:g} s
+ was restarted but does not answer after {_START_SECONDS:g} s
- {container.name} is gone, though it was there a moment ago; run playbooks/deploy.yml
+ container {container.name} has disappeared; run playbooks/deploy.yml
# --- _store
# Not in docs/compose.md and templates: the init service prints these words too.
@ plugins/* tests/* molecule/*
- look at what it is and
+ check what it is and
@ *
- is in the way: it is {self.kind_of(path, found)} and should be a folder; check what it is and
+ is {self.kind_of(path, found)}, but should be a folder; check what it is and
- , who could change what root puts there: stop what of
+ , who could change what root writes there: stop what
-  theirs still works in it, then chown -R root: {self.root}
+  still uses it as that user, then run chown -R root: {self.root}
- can be written to by others than root: chmod go-w {path}
+ is writable by users other than root: run chmod go-w {path}
- has another name elsewhere (a hard link), so its mode was not changed: replace it by a
+ has a second name (hard link), so its mode was not changed: replace it with a
-  copy, or have root run chmod {mode:04o} {path}
+  copy, or run chmod {mode:04o} {path} as root
- has another name elsewhere (a hard link): check
+ has a second name (hard link): check
- {path} was written to while it was being read
+ {path} was modified while it was being read
- mode {stat.S_IMODE(status.st_mode):04o}, the serving user cannot read it
+ mode {stat.S_IMODE(status.st_mode):04o}, not readable by the server
- mode {stat.S_IMODE(status.st_mode):04o}, the serving user cannot enter it
+ mode {stat.S_IMODE(status.st_mode):04o}, not accessible to the server
- "a file that its file system can hold", f"{size}, nearly all of them holes"
+ "a file that fits on its file system", f"{size}, almost all of it sparse"
- look again once nothing writes to the store
+ try again when nothing writes to the store
- remove one of the two: Ollama takes either at random
+ remove one of the two: Ollama picks either at random
- "only its size was looked at"
+ "only its size was checked"
- "a file that was being written to"
+ "a file that is being modified"
- (zeroed bytes, as a power cut leaves them)
+ (only zero bytes, as after a power failure)
- "only an unfinished download"
+ "only an incomplete download"
- an error reading it ({error.strerror or error})
+ a read error ({error.strerror or error})
- the filesystem of {path} has no file locks ({error.strerror}), so two writers
+ the filesystem of {path} does not support file locks ({error.strerror}), so two writers
-  could damage the store; put it on a local filesystem
+  could damage the store; use a local filesystem
- {holder} has held the model store's lock {path} for the {timeout:g} s this run
+ timed out after {timeout:g} s: the store lock {path} is held by {holder};
-  waited; let it finish or stop it, then run again
+  wait until it finishes or stop it, then run again
- a process that cannot be seen from here
+ an unknown process
- "its command cannot be read"
+ "unknown command"
- ; read the store as root (become: true)
+ ; run as root (become: true)
- , who could change them: chown -R root:
+ , who could change them: run chown -R root:
- more things do not belong into {
+ more entries do not belong in {
- , which nothing here reads or removes:
+ , which is never read or removed:
- could be written by others than root, so what it says proves nothing;
+ is writable by users other than root, so it cannot be trusted;
-  make it root's own: chown root {path} && chmod go-w {path}
+  run chown root {path} && chmod go-w {path}
-  (become: true) with room on that filesystem
+  (become: true) and check the free space there
- "its receipt is malformed"
+ "its receipt is invalid"
- the host was started again since it was hashed
+ the host was rebooted since it was hashed
- its receipt is from the future, the clock went back
+ its receipt is from the future (was the clock set back?)
- it was written too close to the moment it was hashed
+ it was modified too close to the time it was hashed
- the receipts are of a format this version does not know
+ the receipts have an unknown format
- the receipts are those of another store
+ the receipts belong to another store
# --- modules, action plugins
- can only be told with health: true
+ can only be checked with health: true
- files is []: name the compose file, which is the first of them
+ files is []: the first entry must be the compose file
- it ended on the host without a result: was it killed, or the host restarted? Deploy again to go on from
+ the module ended on the host without a result (was it killed, or the host rebooted?); deploy again to
@ plugins/*in_background.py
- " there"
+ " resume"
@ *
- the module ended on the host without a result: was it killed, or the host restarted? What was fetched is
+ the module ended on the host without a result (was it killed, or the host rebooted?); the download is
-  kept, so run again to go on from there
+  kept, run again to resume
- : at work for {seconds:.0f} s
+ : running for {seconds:.0f} s
# --- roles: messages
- ' is not as playbooks/lock.yml writes it, a list of'
+ ' is not in the format of playbooks/lock.yml, a list of'
- sha256:...": mend it, or remove it and run playbooks/lock.yml
+ sha256:...": correct it, or remove it and run playbooks/lock.yml
- 'it did not say why'
+ 'no reason given'
- Nothing was changed: the compose file and the containers are as they were, and what came is kept.
+ Nothing was changed: the compose file and the containers are as before, and what was downloaded is kept.
- ollama_stack_adopt is false, and something is there that this role did not make:
+ ollama_stack_adopt is false, but the host has a stack that archiv.ollama does not manage:
- Put what must go on into the inventory, other services into ollama_stack_extra_services, then set ollama_stack_adopt to true; the
+ Add what must be kept to the inventory, other services to ollama_stack_extra_services, then set ollama_stack_adopt to true; the
- belongs to the other ollama_stack_variant, and both would keep their wrapper and their secrets in
+ belongs to the other ollama_stack_variant, and both would use the wrapper and the secrets in
- is missing, and without it Compose takes nothing down, but project
+ is missing, so Compose cannot take the stack down, but project
- : deploy once more, which writes the file anew,
+ : deploy again, which rewrites the file,
- The hosts keep what they hold. To take a model that moved, put its new digest into
+ The hosts keep their models. To use a model that moved, put its new digest into
- ollama_stack_lock_policy=warn only tells.
+ ollama_stack_lock_policy=warn reports without failing.
- ' belongs to the container '
+ ' is used by container '
- No container has port '
+ No container uses port '
- ': the Engine was killed while it started one, and keeps the port until'
+ ': the Engine was killed while it started one, and holds the port until'
- Ollama's memory limit is a hard one, and ADR-034 §6 asks for an alert on its memory
+ Ollama has a hard memory limit, and ADR-034 §6 requires an alert on its memory
- }} is the new one
+ }} is the new version
- {{ one.name }} is {{ 'as before' if was
+ {{ one.name }} {{ 'is unchanged' if was
- 'new, or was started anew'
+ 'was recreated or restarted'
@ *aftermath.txt.j2 tests/* molecule/*
- {{ name }} is gone
+ {{ name }} was removed
@ *
- Nothing was locked, because the hosts of this run hold different bytes under one name:
+ Nothing was locked, because the hosts have different digests for the same model:
- Lock with -l the hosts that are right, then deploy the others: they get those bytes.
+ Lock the correct hosts with -l, then deploy the others to give them the same digests.
- because a model on this host is not whole:
+ because a model on this host is missing or damaged:
- The models could not be fetched:
+ The models could not be downloaded:
- could not be fetched: {{ __ollama_stack_fetching }}.
+ could not be pulled: {{ __ollama_stack_fetching }}.
- An image that did come has its name from now on, and what runs goes on with the one
+ Images that were pulled have their new tag already; running containers keep the image
@ roles/*pull.yml
- it was started from.
+ they were started from.
@ *
- Making the network {{ __ollama_stack_network.name }} anew failed, and its containers were connected to it again as far as
+ Recreating network {{ __ollama_stack_network.name }} failed, and its containers were reconnected to it as far as
@ roles/*networks.yml
- that was possible:
+ possible:
@ *
- Nothing was touched: what was typed is not the name of the project, {{
+ Nothing was changed: the confirmation does not match the name of the project, {{
- msg: "{{ __ollama_stack_refusals }}"
+ msg: "{{ __ollama_stack_refusals | join('\n') }}"
- msg: "{{ __ollama_stack_objections }}"
+ msg: "{{ __ollama_stack_objections | join('\n') }}"
- msg: "{{ [__ollama_stack_up.msg] + __ollama_stack_port_advice + __ollama_stack_aftermath + __ollama_stack_verdict.report }}"
+ msg: "{{ ([__ollama_stack_up.msg] + __ollama_stack_port_advice + __ollama_stack_aftermath + __ollama_stack_verdict.report) | join('\n') }}"
- msg: "{{ __ollama_stack_moves + [__ollama_stack_advice] }}"
+ msg: "{{ (__ollama_stack_moves + [__ollama_stack_advice]) | join('\n') }}"
- msg: "{{ __ollama_stack_verdict.report + __ollama_stack_aftermath }}"
+ msg: "{{ (__ollama_stack_verdict.report + __ollama_stack_aftermath) | join('\n') }}"
- msg: "{{ __ollama_stack_disagreement }}"
+ msg: "{{ __ollama_stack_disagreement | join('\n') }}"
- msg: "{{ __docker_engine_refusals }}"
+ msg: "{{ __docker_engine_refusals | join('\n') }}"
- msg: "{{ [__docker_engine_broken] + __docker_engine_journal.stdout_lines }}"
+ msg: "{{ ([__docker_engine_broken] + __docker_engine_journal.stdout_lines) | join('\n') }}"
@ playbooks/verify.yml
- msg: "{{ __ollama_stack_verdict.report }}"
+ msg: "{{ __ollama_stack_verdict.report | join('\n') }}"
@ *
- ?  not proven, which is no failure; -e verify=full reads all bytes
+ ?  not verified, not a failure; -e verify=full hashes all bytes
- The Engine does not start with docker_engine_daemon merged into {{ __docker_engine_config }}:
+ The Engine does not start with docker_engine_daemon merged into {{ __docker_engine_config }}.
- {{ 'the file from before was put back, and the Engine runs with that' if __docker_engine_backup else 'it is down' }}
+ {{ 'The previous file was restored, and the Engine runs with it.' if __docker_engine_backup else 'It is stopped.' }}
- until docker_engine_daemon is mended and deployed once more; its last words follow.
+ Fix docker_engine_daemon and deploy again. Journal of docker.service:
- this role knows the packages of Debian 12, Ubuntu 22.04 and their later releases only:
+ this role supports only Debian 12, Ubuntu 22.04 and their later releases:
- An Engine listens on /run/docker.sock that came with neither docker.io nor docker-ce, and a second one would take its
+ An Engine from neither docker.io nor docker-ce listens on /run/docker.sock, and a second one would take over its
- socket away: leave docker_engine_manage false
+ socket: leave docker_engine_manage false
- has no Compose v2 of its own: name a package file of it in
+ has no Compose v2 of its own: add a package file of it to
- docker_engine_packages_files brings no Engine
+ docker_engine_packages_files contains no Engine
- is no JSON object, so its keys cannot be kept; mend or remove it:
+ is not a JSON object, so its keys cannot be kept; correct or remove it:
- With docker_engine_daemon the Engine would not start, so {{ __docker_engine_config }} stays as it is:
+ With docker_engine_daemon the Engine would not start, so {{ __docker_engine_config }} was not changed:
- {{ __docker_engine_config }} waits for a restart of the Engine, which stops
+ {{ __docker_engine_config }} takes effect after a restart of the Engine, which stops
# --- roles, playbooks: names of tasks
- Leave a host that is as wanted alone
+ Stop if the host matches the inventory
- Bring the host to what is wanted
+ Change the host
- change | Refuse what could not work
+ change | Run the preflight checks
- preflight | Refuse what could not work
+ preflight | Refuse a deploy that cannot work
- change | Say what is not as wanted or not proven, and what mends it
+ change | Report the differences
- change | Remember what is there
+ change | Remember the current state
- change | Prepare what fetches
+ change | Prepare the downloads
- change | Fetch the images that are missing
+ change | Pull the missing images
- change | Have Ollama itself fetch the models
+ change | Let Ollama pull the models
- change | Prove the models that Ollama itself fetched
+ change | Verify the models that Ollama pulled
- change | Prove that it works
+ change | Verify the deploy
- configure | Say in the copy how to go back to it
+ configure | Write into the copy how to go back to it
- engine | Fetch them or say why not
+ engine | Download the models
- engine | Say why not
+ engine | Report why it failed
- pull | Fetch them or say why not
+ pull | Pull the missing images
- pull | Say why not
+ pull | Report why it failed
- lock | Refuse a model that is not whole
+ lock | Refuse a missing or damaged model
- lock | Make the folder of the file
+ lock | Create the folder of the file
- lock | Keep the digests with the inventory
+ lock | Write the digests next to the inventory
- Make their folder, or none
+ Create or remove their folder
- models | Make the volume as Compose would
+ models | Create the volume as Compose would
- models | Have every model in the store
+ models | Install the models
- networks | Make it anew
+ networks | Recreate the network
- networks | Say why it failed
+ networks | Report why it failed
- preflight | Say what ADR-034 asks for and is not there
+ preflight | Warn that there is no memory alert
- prepare | Make the stack's folder
+ prepare | Create the stack's folder
- start | Make networks anew that Compose would leave wrong
+ start | Recreate networks that Compose would not correct
- start | Restart what hangs
+ start | Restart unhealthy containers
- up | Say why Compose failed
+ up | Report why Compose failed
- up | Ask which container has the port that could not be had
+ up | Find the container that uses the port
- up | Say why it failed
+ up | Report why it failed
- upstream | Ask for each manifest, and for no blob
+ upstream | Ask the registries for the manifests
- upstream | Say what they answered
+ upstream | Show the answers
- upstream | Fail where a name no longer means what is meant
+ upstream | Fail if a tag has moved
- verify | Look until it is as wanted
+ verify | Wait until the host matches the inventory
- Say what is still not as wanted
+ Report what still differs
- Bring Engine and Compose where that is asked
+ Install Docker Engine and Compose if asked for
- Fail where anything is not as wanted
+ Fail if a host differs from the inventory
- configure | Let the Engine judge what it would be told
+ configure | Validate the new daemon.json
- configure | Make the Engine's folder
+ configure | Create the Engine's folder
- configure | Let the Engine read it
+ configure | Apply daemon.json
- file | Bring {{
+ file | Copy {{
- install | Know the vendor's repository
+ install | Add the vendor's repository
- restart | Restart the Engine, or say why it does not come back
+ restart | Restart the Engine, or report why it does not start
- restart | Read its last words
+ restart | Read the journal
- restart | Go back to the file from before
+ restart | Restore the previous file
- restart | Say why
+ restart | Report why it failed
- go_back | Put the file back
+ go_back | Restore the file
- Tell the Engine what it must know
+ Configure the Engine
- repository | Make the folder of keys
+ repository | Create the folder of keys
- repository | Bring the key
+ repository | Download the key
- repository | Name the repository
+ repository | Add the repository
- look | Learn which distribution this is
+ look | Detect the distribution
- look | See which packages are there, and whether an Engine listens
+ look | See which packages are installed, and whether an Engine runs
@ roles/docker_engine/* tests/*
- look | Refuse what could not work
+ look | Refuse what cannot work
@ *
# --- what molecule, the sabotages and the integration tests expect
@ molecule/* tests/*
- ^(?!.*not-ours-to-touch).*others hang on it .proxy.*otherwise: environment\.DB_PASSWORD; .*ollama_stack_adopt is false
+ (?s)^(?!.*not-ours-to-touch).*projects use it .proxy.*changes: environment\.DB_PASSWORD; .*ollama_stack_adopt is false
@ molecule/*
- its container is exited; a deploy starts it
+ container is exited .deploy will start it
@ tests/*
- its container is exited; a deploy starts it
+ container is exited (deploy will start it)
- its container is exited
+ container is exited
@ molecule/* tests/*
- says: not on archiv_archiv-net
+ says: not connected to network archiv_archiv-net
- says: it is not in the store,
+ says: not in the store,
- the name {{ ollama_stack_backend_image }} means another image than the one it runs
+ tag {{ ollama_stack_backend_image }} now points to a different image than the running container
- "ollama: its memory limit"
+ "ollama: memory limit"
- "archiv_archiv-net: it is not internal"
+ "archiv_archiv-net: network is not internal"
- told: which nothing here reads or removes
+ told: which is never read or removed
- is in the way: it is a link to
+ is a link to
- the image private.lab/archiv/backend:1.0.0 is not given out: give a login for private.lab in ollama_stack_registries
+ access to image private.lab/archiv/backend:1.0.0 was denied: add a login for private.lab to ollama_stack_registries
- private.lab does not take the username and password given for it
+ private.lab rejected the username and password
- private.lab does not take the username and password
+ private.lab rejected the username and password
- "the disk of /var/lib/containerd has 2"
+ "not enough disk space in /var/lib/containerd: 2"
- and about 7.0 GiB are needed for registry.lab
+ about 7.0 GiB needed for registry.lab
- it no longer gives out the pinned sha256:{'0' * 64}; the tag moved
+ the pinned sha256:{'0' * 64} is no longer available; the tag has moved
@ tests/mutate/sabotages.py
- "means another image",
+ "points to a different image",
- "are not proven",
+ "not verified",
- assert 'started again' in ''
+ assert 'rebooted' in ''
@ tests/*
- "changes under a running archive"
+ "can change under a running archive"
- "it has no default"
+ "there is no default"
- "Docker cannot read it as an image's name"
+ "not a valid image name"
- "the whole host"
+ "the root directory of the host"
- "without blanks"
+ "without whitespace"
- is not as playbooks/lock.yml writes it
+ is not in the format of playbooks/lock.yml
- "not those of root"
+ "not root's"
- "give the IP address"
+ "use the IP address"
- "holds a password"
+ "contains a password"
- "by that name: take another"
+ "already uses this name: choose another"
- "nothing on the host says"
+ "no NVIDIA runtime for Docker"
@ *
# --- tests of the messages above
@ tests/*
- the backend of {WHERE} has what the new one would lack or have otherwise:
+ the backend in {WHERE} has settings that the new one lacks or changes:
- ollama_stack_adopt_without names environment.DB_URI
+ ollama_stack_adopt_without lists environment.DB_URI
- its memory limit is {words}, not
+ memory limit is {words}, expected
- "its memory limit" in mended
+ "memory limit" in mended
- archiv is as wanted
+ archiv matches the inventory
- "bytes are not proven (weights, " in told and f": {NOTE})" in told
+ "bytes not verified; weights, " in told and f": {NOTE} (" in told
- "not proven" not in play(
+ "not verified" not in play(
- : its bytes are not proven (weights: the host was rebooted since it was hashed);"
+ : bytes not verified; weights: the host was rebooted since it was hashed"
-  a deploy reads and compares them, as does verify.yml with -e verify=full"
+  (deploy will hash it, as does verify.yml with -e verify=full)"
- "ollama: why; "
+ "ollama: why ("
- archiv is not as wanted:
+ archiv differs from the inventory:
- archiv-backend-1 runs service backend of
+ archiv-backend-1 (backend) is from
- "ollama_stack_user", "ollama", "numbers"
+ "ollama_stack_user", "ollama", "numeric"
- "Docker cannot read it"
+ "not a valid image name"
- "name the stack's folder"
+ "set the stack's folder"
- "take another"
+ "choose another"
- "memory control group"
+ "memory cgroup"
- "the host has 4.0 GiB of memory"
+ "the host has only 4.0 GiB of memory"
- memory=8 * GIB), "together"
+ memory=8 * GIB), "add up to more"
- "knows no locks"
+ "does not support file locks"
- "kill it at every load"
+ "out of memory at every load"
- 5.0 GiB are needed
+ 5.0 GiB needed
- 6.0 GiB are needed
+ 6.0 GiB needed
- 11.0 GiB are needed
+ 11.0 GiB needed
- "the disk of /var/lib/docker has 1.0 GiB free"
+ "not enough disk space in /var/lib/docker: 1.0 GiB"
- the disk of /var/lib/containerd has 512.0 MiB free, and about 1.0 GiB are needed for
+ not enough disk space in /var/lib/containerd: 512.0 MiB free, about 1.0 GiB needed for
- , "blanks")
+ , "spaces")
- is 'nvidia': nothing on the host
+ is 'nvidia': found no NVIDIA runtime
- ("nvidia", "nothing on the host")
+ ("nvidia", "found no NVIDIA")
- write [992, 993] for this host
+ set [992, 993] for this host
- so the kernel would kill one at every load; raise the limit, or name fewer or
+ so one would run out of memory at every load; raise the limit, or use fewer or
- takes archiv-net from
+ removes archiv-net from
- takes APP_OLLAMA_BASEURL from
+ removes APP_OLLAMA_BASEURL from
- 'postgres:${PGV:-17}': Docker cannot read it as an"
+ 'postgres:${PGV:-17}': not a valid image"
-  image's name: write registry/name:tag in lower case"
+  name: write registry/name:tag in lower case"
- Compose reads {read}
+ Compose reads it as {read}
- "written to while"
+ "modified while"
- "zeroed bytes"
+ "only zero bytes"
- match=rf"process {holder.pid} \(.*python.*held .*{lock}"
+ match=rf"{lock} is held by process {holder.pid} \(.*python"
- "put it on a local filesystem"
+ "use a local filesystem"
- "started again", id
+ "rebooted", id
- "malformed", id
+ "invalid", id
- "a format this version does not know"
+ "an unknown format"
- assert "proves nothing" in
+ assert "cannot be trusted" in
- refuses the login of {upstream.host}
+ rejected the login for {upstream.host}
- give one in `registries`" in host
+ add one to `registries`" in host
- give one in `registries` (ollama_stack_registries), with token_host: auth.lab
+ add one to `registries` (ollama_stack_registries) with token_host: auth.lab
- auth.lab, which was not shown the login of private.lab
+ auth.lab, which does not get the login for private.lab
- the image {IMAGE} is not given out
+ access to image {IMAGE} was denied
- the image {missing} is not given out: give a login for reg.example in
+ access to image {missing} was denied: add a login for reg.example to
- give the authority that signed it as `ca_path`
+ set `ca_path` to the certificate of the CA that signed it
- endswith("every byte hashed")
+ endswith("all bytes hashed")
- "repair: false" in host
+ "`repair` is false" in host
- match="repair: false"
+ match="`repair` is false"
- assert "in the way" in host
+ assert "should be a folder" in host
- f"it moved: {
+ f"moved: {
- "hung up"
+ "closed the"
- "unreachable", "refuses"
+ "unreachable", "denied access"
- "refused the connection" in
+ "refused; is the registry running" in
- 'index.docker.io' is there more than once
+ 'index.docker.io' is listed more than once
- reg.example is too plain
+ reg.example is too simple
- "too plain"
+ "too simple"
- "no byte for
+ "no data for
- username of reg.example has a colon
+ username of reg.example contains a colon
- 'reg.example' is there more than once
+ 'reg.example' is listed more than once
- startswith("IndexError at
+ startswith("unexpected IndexError at
~ 280 more things do not belong into
+ 280 more entries do not belong in
- "not done within 0 s"
+ "timed out after 0 s"
- "KeyError at test_ollama_model_info.py:"), (OSError(5, "Input/output error", "/x"), "at /x")
+ "KeyError at test_ollama"), (OSError(5, "Input/output error", "/x"), "cannot access /x")
- docker-compose.prod.yml was not written by us
+ docker-compose.prod.yml is not managed by archiv.ollama
- is a pipe, which nothing"
+ is a pipe, which is never read"
- startswith("KeyError at test_
+ startswith("unexpected KeyError at test_
- "the disk refused at /srv/models"
+ "cannot access /srv/models"
- OTHER = "containers of others hang on it (monitoring-1, proxy)"
+ OTHER = "containers of other projects use it (monitoring-1, proxy)"
- reg.example does not take the username and password given
+ reg.example rejected the username and password
- "files is []: name the compose file"
+ "files is []: the first entry"
- ollama_stack_adopt_without names environment.NONE
+ ollama_stack_adopt_without lists environment.NONE
- LOST = "what the new one would lack or have otherwise: "
+ LOST = "settings that the new one lacks or changes: "
- the backend of {
+ the backend in {
- "the backend of" in
+ "the backend in" in
- nobody can tell what the backend of
+ cannot tell what the backend in
- Nothing was changed: the compose file and the containers are as they were
+ Nothing was changed: the compose file and the containers are as before
- {NOT_THERE} could not be fetched:
+ {NOT_THERE} could not be pulled:
- db:16 could not be fetched:
+ db:16 could not be pulled:
- "silent": "it did not say why"
+ "silent": "no reason given"
- "Deploy again" in killed
+ "deploy again" in killed
- match=f"{sys.executable}, has no docker SDK.*install python3-docker"
+ match=f"missing in {sys.executable}, .*install python3-docker"
- match="did not answer as it should"
+ match=r"the request to the Docker Engine .* failed"
- match="are needed"
+ match="needed"
- match="ended well"
+ match="succeeded, but"
- cannot pin a digest inside the name
+ cannot pin a digest in the name
- match="no Location"
+ match="without a Location"
- "look up"
+ "cannot resolve"
- "did not answer within 5 s"
+ "timed out after 5 s"
- match="without a token"
+ match="returned no token"
- (20, "give the authority"), (62, "have one made for that name"), (10, "for today")
+ (20, "set `ca_path`"), (62, "valid certificate"), (10, "valid certificate")
- "give the authority" in told
+ "set `ca_path`" in told
- not an HTTP answer
+ not an HTTP response
- "write it as text"
+ "write it as a string"
- m:latest is there more than once
+ m:latest is listed more than once
- no Engine; or give the models folder
+ no Engine; or set store to the models folder
- is not known to be intact
+ is not verified
- look with verify: full
+ run with verify: full
- was restarted and does not answer
+ was restarted but does not answer
- "An Engine listens on /run/docker.sock"
+ "An Engine from neither docker.io nor docker-ce"
- own: name a package file
+ own: add a package file
- "the file from before was put back, and the Engine runs"
+ "The previous file was restored, and the Engine runs"
- "daemon.json: it is down until"
+ "daemon.json. It is stopped. Fix"
- prod.yml is the new one"
+ prod.yml is the new version"
- is new, or was started anew: running
+ was recreated or restarted: running
- archiv-ollama-1 is as before: running
+ archiv-ollama-1 is unchanged: running
- archiv-backend-1 is gone"
+ archiv-backend-1 was removed"
- No container has port 8080:
+ No container uses port 8080:
- Port 8080 belongs to the container web-1:
+ Port 8080 is used by container web-1:
- "make room" not in message
+ "free some space" not in message
- 2 are needed; make room and run again
+ 2 needed; free some space and run again
- "Traceback ...\nmake room"
+ "Traceback ...\nfree some space"
@ *
# --- DOCUMENTATION and RETURN of the modules
@ plugins/*
- Brings models from a registry straight into the store, over several connections, hashed while they come. After a cut
+ Downloads models from a registry into the store, over several connections, and hashes them meanwhile. After an
- the next run goes on where this one stopped.
+ interruption the next run resumes where this one stopped.
- Every blob is on disk before its name is, and the manifest comes last. A crash at any moment leaves the model that
+ Every blob is flushed to disk before it gets its name; the manifest is written last. A crash leaves the model that
- was there before or the new one, never half of one.
+ was there before or the new one, never a partial one.
- A model that is there is hashed once; a receipt then vouches for it until something could have changed the file.
+ A model that is present is hashed once; a receipt then proves it until the file could have been changed.
- Only blobs that are missing or damaged are fetched, and a damaged one gives way when the good one is ready.
+ Only missing or damaged blobs are downloaded, and a damaged one is replaced when the good one is complete.
- A model that is there and whole costs no network. A tag that moved in the registry is followed by C(digest) only.
+ A model that is present and intact needs no network. A tag that has moved is only followed with C(digest).
- Asks the registry for a manifest that is not there, so it says how many bytes would come, or fails as the run
+ Asks the registry for a missing manifest, so it reports how many bytes would be downloaded, or fails as the run
- in the registry, the wanted one is fetched as long as the registry keeps it, and else refused.
+ in the registry, the wanted one is downloaded as long as the registry keeps it; otherwise the module fails.
- With V(present) the models are in the store, every byte proven.
+ With V(present) the models are in the store, and every byte is verified.
- With V(absent) they are not, nor the blobs that no other model uses.
+ With V(absent) they are removed, with the blobs that no other model uses.
- It is made when it is not there.
+ It is created if it is missing.
- What to believe of blobs that are already there.
+ How to verify blobs that are already present.
- V(full) hashes all.
+ V(full) hashes all blobs.
- V(size) looks at types and sizes only, where the manifest is there already.
+ V(size) checks types and sizes only, if the manifest is already present.
- Whether to mend a model that is there but damaged. With V(false) the damage is an error.
+ Whether to repair a damaged model. With V(false) damage is an error.
- Whether to remove blobs no model uses, and what is left of unfinished downloads.
+ Whether to remove blobs that no model uses, and incomplete downloads.
- A run that installs or repairs never prunes. Files younger than an hour stay, as they may belong to a pull by
+ A run that installs or repairs never prunes. Files younger than an hour are kept, as they may belong to a manual
- hand, and so do all blobs while there is a manifest that cannot be read.
+ pull, and so are all blobs while there is a manifest that cannot be read.
- Whether to restart the containers of O(service) after bytes they may have read were replaced, and to load again
+ Whether to restart the containers of O(service) after files that they may have read were replaced, and to reload
- the first model and those they held. Without it they go on answering from the bytes they hold in memory.
+ the first model and those that were loaded. Without it they keep answering from the old bytes in memory.
- V(registry) fetches from the registry itself.
+ V(registry) downloads from the registry directly.
- proxy, and proves the bytes afterwards. A way out where only Ollama itself is let through. The options
+ proxy, and verifies the bytes afterwards. For networks that only let Ollama itself through. The options
- The Compose service whose container O(method=engine) imitates. It must have been created.
+ The Compose service from whose container O(method=engine) takes its settings. The container must exist.
- How many connections fetch one blob at once.
+ The number of parallel connections for each blob.
- Seconds after which everything must be done, waiting for another writer of the store included. What was fetched
+ Seconds after which the module times out, the wait for the store lock included. A partial download
- Seconds without one byte after which a download has stalled.
+ Seconds without any data after which a download counts as stalled.
- The Ollama that will serve the models. The registry refuses a model this version cannot run.
+ Version of the Ollama that will serve the models. The registry refuses models that need a newer one.
- File on the host that tells how far the download is. Set by the action plugin that shows it.
+ File on the host for the progress of the download. The action plugin that shows the progress sets it.
- Have the archive's model, exactly these bytes
+ Install the archive's model, pinned by its digest
- Hash a store on another disk and mend it from a mirror
+ Verify a store on another disk and repair it from a mirror
- Whether the manifest parses, has the wanted digest, and every blob is there with its size.
+ Whether the manifest is valid, has the wanted digest, and every blob has the right size.
- Whether the SHA-256 of every blob is proven; V(null) when nobody looked.
+ Whether the SHA-256 of every blob was verified; V(null) if it was not checked.
- What is still wrong, one entry a file, as
+ What is still wrong, one entry per file, as
- Whether this model was touched.
+ Whether this model was changed.
- The blobs that came, or in check mode would come.
+ The blobs that were downloaded, or in check mode would be.
- description: Its bytes.
+ description: Its size in bytes.
- Damaged files that gave way to good ones.
+ Damaged files that were replaced.
- Blobs that went with the model.
+ Blobs that were removed with the model.
- What had to come over the network, bytes an earlier run left behind not counted.
+ Bytes that were downloaded, without those that an earlier run had left.
- The containers that were restarted because they held bytes that were replaced.
+ The containers that were restarted because files that they used were replaced.
- The files no model used that were removed.
+ The unused files that were removed.
- What lies in the store beside whole models
+ What is in the store besides complete models
- The blobs that could not be got, as in
+ The blobs that could not be downloaded, as in
- Run a module on a host by itself, and give up a host that is gone
+ Run a module in the background on a host, and give up on a host that is gone
- Runs another module as C(async) does, so that it goes on whatever becomes of the connection, and tells every 15
+ Runs another module as C(async) does, so that it continues when the connection is lost, and reports every 15
- seconds that it is at work.
+ seconds that it is running.
- Other than C(async), which waits for a host that has died as long as the task may take, it gives one up that could
+ Unlike C(async), which waits for a dead host until the task times out, it gives up on a host that could
- not be reached for three minutes, and notices when the module was taken by a reboot.
+ not be reached for three minutes, and notices when a reboot ended the module.
- description: The module is run in check mode, and waited for.
+ description: The module runs in check mode, in the foreground.
- description: What it is given.
+ description: The module's arguments.
- description: Seconds after which it is ended.
+ description: Seconds after which the module is stopped.
- V(gone) where the module has ended without a result; all else that is returned is the module's own.
+ V(gone) if the module has ended without a result; all other return values are those of the module.
- Tell whether Ollama models are cached, intact and healthy
+ Check whether Ollama models are cached, intact and healthy
- A model is cached when its manifest parses and every blob is there with its size. It is intact when the SHA-256 of
+ A model is cached when its manifest is valid and every blob has the right size. It is intact when the SHA-256 of
- every blob is proven. The server is healthy when it answers with the wanted models.
+ every blob was verified. The server is healthy when it answers with the wanted models.
- How to learn whether a model is intact.
+ How to check whether a model is intact.
- V(size) looks at types and sizes only. RV(models[].intact) is V(null) for what looks right.
+ V(size) checks types and sizes only. RV(models[].intact) is V(null) if they are right.
- Whether to ask the server as well.
+ Whether to check the server as well.
- Seconds in which a loaded model must give its first token.
+ Seconds within which a loaded model must return its first token.
- What it says is told in RV(models[].upstream). It makes nothing fail.
+ The answer is in RV(models[].upstream). It never makes the module fail.
- Seconds all registries together have for that.
+ Seconds for the requests to all registries together.
- Look at the model the archive uses
+ Check the model that the archive uses
- Stop unless the pinned model is whole, loaded for good and answers inside a minute
+ Fail unless the model is intact, pinned in memory and answers within a minute
- Look at a store on another disk, with neither Engine nor Ollama
+ Check a store on another disk, without Docker Engine or Ollama
- See whether a tag was moved since, without a look at every byte
+ Check whether a tag has moved, without hashing the model
- description: What the disk says of each wanted model, in the order of O(models).
+ description: What is on the disk for each wanted model, in the order of O(models).
- What is wrong, one entry a file.
+ What is wrong, one entry per file.
- description: What heals it.
+ description: How to fix it.
- How many of its processes the kernel killed for memory; V(null) when the kernel does not say.
+ How many of its processes the kernel killed because it was out of memory; V(null) if unknown.
- Bytes of memory in use; V(null) when the kernel does not say.
+ Bytes of memory in use; V(null) if unknown.
- Whether it stays there for good.
+ Whether it stays there without a time limit.
- When the server means to drop it.
+ When the server will unload it.
- Whether it gave one token inside O(answer_within); V(null) when it was not asked.
+ Whether it returned one token within O(answer_within); V(null) if it was not asked.
- What is odd without making it unhealthy, such as OOM kills, restarts, or a CPU where a GPU was meant.
+ What does not make it unhealthy, such as OOM kills, restarts, or running on the CPU instead of a GPU.
- description: What it occupies.
+ description: Its size on disk in bytes.
- description: What they occupy together.
+ description: Their total size on disk in bytes.
- What does not belong into a store, a sentence each, such as links, devices and files of other users.
+ What does not belong in a store, one sentence each, such as links, devices and files of other users.
- The same in a sentence or two; with O(expect), everything that is not met.
+ The same in a sentence or two; with O(expect), every expectation that is not met.
- Say whether a stack is as wanted, and if not, why
+ Compare a stack with the inventory and report the differences
- Compares a compose file, and what Compose makes of it, with what is on the host, its models and their answers.
+ Compares a compose file, as Compose reads it, with what is on the host, its models and their answers.
- All of that is one call that changes nothing.
+ It is one call that changes nothing.
- description: Where it lies below O(dir).
+ description: Its path below O(dir).
- The sha256 of each secret by its name, so that the secrets themselves need not travel to be compared.
+ The SHA-256 of each secret by its name, so that the secrets themselves need not be sent to the host.
- The uid that is to own the secrets' files.
+ The uid that must own the secrets' files.
- The sha256 of the file with the logins for images
+ The SHA-256 of the file with the logins for images
- Without it there is to be no such file.
+ Without it there must be no such file.
- Where the proofs of hashed files are kept.
+ The folder of the receipts.
- Seconds in which a loaded model must give one token.
+ Seconds within which a loaded model must return one token.
- It alone counts, whatever C(DOCKER_HOST) or a context of the user says.
+ C(DOCKER_HOST) and the user's docker context are ignored.
- With V(receipt) a byte counts as proven where a receipt says so.
+ With V(receipt) blobs with a valid receipt count as verified.
- With V(full) all bytes of the models are read and hashed at the end, once.
+ With V(full) all models are hashed, once at the end.
- The role's inputs by their names, from which RV(refusals) are found; what is not among them is not missed.
+ The role's inputs by their names, which are checked for RV(refusals); those that are missing are not checked.
- Where one cannot be meant, all such are told, and the host is looked at only as far as none of them leads there.
+ If any are invalid, all of these are reported, and only what does not depend on them is checked on the host.
- can tell what they will take and which of them no registry has.
+ can tell how much space they need and which of them no registry has.
- A clean host asks nobody, and a registry that does not answer within some seconds is no refusal.
+ On a clean host no registry is asked, and a registry that does not answer within some seconds is no refusal.
- Seconds to look again and again, as long as O(wait_for) asks for it.
+ Seconds to keep looking, as long as O(wait_for) asks for it.
- With O(wait_for=settled) it is a minute at most where no container was started that lately.
+ With O(wait_for=settled) at most a minute, unless a container was started within this time.
- With V(settled), looks again while nothing but time is needed, such as a container that is still starting.
+ With V(settled), keep looking while only time is needed, such as for a container that is still starting.
- With V(clean), also while a service that was just started may yet come up.
+ With V(clean), also while a service that was just started may still come up.
- See whether anything is to be done
+ Check whether anything has to be done
- Whether everything is as wanted. Bytes that are not proven, as after a boot, are no reason against it.
+ Whether everything matches the inventory. Bytes that are not verified, as after a boot, do not count.
- Each thing that is not, with its kind, its subject, why, and the action that mends it.
+ Each difference, with its kind, its subject, why, and the action that fixes it.
- Models whose bytes no receipt proves. A deploy hashes them.
+ Models without a valid receipt. A deploy hashes them.
- description: The same in lines for a person.
+ description: The same as lines of text.
- Everything that speaks against bringing the host to what is wanted, one sentence each.
+ Everything that prevents a deploy, one sentence each.
- Whether files or containers are concerned, and not models alone.
+ Whether files or containers differ, and not only models.
- Containers that only a restart mends.
+ Containers that must be restarted.
- Networks that must be made anew, with the containers on them.
+ Networks that must be recreated, with the containers on them.
- The version of the wanted image, where its tag or the server that runs it tells; empty where nobody does.
+ The version of the wanted image, from its tag or from the server that runs it; empty if unknown.
- returned: when something is not as wanted
+ returned: when something differs from the inventory
- Where the models lie on the host, or will once their volume is made; empty where nobody knows.
+ Where the models are on the host, or will be once their volume exists; empty if unknown.
- What the disk says of each wanted model, as in
+ What is on the disk for each wanted model, as in
- Bytes of the store that no model uses, and bytes free where it lies; null where nobody can say.
+ Bytes in the store that no model uses, and free bytes on its file system; null if unknown.
- What a person made and a deploy would take over.
+ What was created without this collection and a deploy would take over.
- Whether Docker and Compose answer and take the file.
+ Whether Docker and Compose answer and accept the file.
- Who to be at registries that ask for a login, one entry for each.
+ Logins for registries, one entry for each.
- The registry as names carry it, V(host) or V(host:port). For O(mirror) that of its URL.
+ The registry as in image and model names, V(host) or V(host:port). For O(mirror) that of its URL.
- Where the registry has its tokens given out, if that is another host. By default
+ The host of the registry's token service, if it is another one. By default
- Username and password are sent to these two and to nobody else.
+ Username and password are sent to these two hosts only.
- description: Who to be there.
+ description: The user name.
- Base URL of a registry that stands in for the default one. Names with a host of their own still go there.
+ Base URL of a registry to use instead of the default one. Names with their own host ignore it.
- It never turns off the check of a certificate.
+ It never turns off certificate checks.
- File with certificates of authorities to trust beside those of the host.
+ File with CA certificates to trust in addition to those of the host.
# --- argument_specs, and the tables that `make pages` makes of them
@ roles/*/meta/argument_specs.yml roles/*/README.md
- Puts a backend and Ollama on a host as one compose file, with the models on disk, loaded and answering.
+ Runs a backend and Ollama on a host from one compose file, with the models on disk, loaded and answering.
- A host where all of that is true already is left alone.
+ A host that already matches is not changed.
- Each is kept loaded, which takes memory for each.
+ All are kept loaded, which takes memory for each.
- A registry may move a name. A digest binds it to one exact set of bytes, and goes before the lock file's.
+ A tag may move in its registry. A digest pins it to exact bytes, and has precedence over the lock file's.
- Keep it loaded; true unless told otherwise.
+ Keep it loaded; true by default.
- lets it be loaded only when asked, one such model at a time beside all that stay loaded.
+ loads it only on request, one such model at a time in addition to all that stay loaded.
- File on the controller with the digests that the models are bound to, where it exists.
+ File on the controller with the digests that the models are pinned to, if it exists.
- fails or only tells where a registry no longer has what is meant.
+ fails or only warns if a registry no longer has the wanted digest.
- Where a stack runs already, its own name keeps its volumes and networks.
+ For a stack that already runs, use its own name to keep its volumes and networks.
- on the host. A person can run the stack from there without Ansible.
+ on the host. The stack can be run from there without Ansible.
- The stack itself, or its twin for development.
+ The stack itself, or a separate one for development.
- is the same recipe, reachable from the host only and down after a reboot. The two never share an
+ is from the same template, reachable from the host only and down after a reboot. The two never share an
- Take over a compose file or containers that this role did not make. What was there is kept as a dated copy.
+ Take over a compose file or containers that this role did not create. The old file is kept as a dated copy.
- What the old backend has and the new one may do without, by the names that the refusal lists, as
+ Settings of the old backend that the new one may drop, by the names that the refusal lists, such as
- Anything else that it has and the inventory lacks is refused.
+ Anything else that is missing in the inventory is refused.
- It has no swap on purpose, so what needs more is killed (ADR-034 §6).
+ There is no swap on purpose, so more than this is an OOM kill (ADR-034 §6).
- Leave some hundred MiB above that for the work itself.
+ Leave some hundred MiB above that for computation.
- in the archive's C(.env) goes before it.
+ in the archive's C(.env) has precedence.
- in the archive's `.env` goes before it.
+ in the archive's `.env` has precedence.
- How long an idle model stays loaded; -1 is for ever. Anything else brings back the 503 after an idle time (ADR-034 §4).
+ How long an idle model stays loaded; -1 is forever. With anything else the 503 after an idle time returns (ADR-034 §4).
- 4096 is Ollama's own choice without a GPU.
+ 4096 is Ollama's default without a GPU.
- A client that asks for another length reloads the model, and is reported. 0 leaves the choice to Ollama, and reports nobody.
+ A client that requests another length reloads the model, and is reported. 0 leaves the choice to Ollama; then nothing is reported.
- Keep the server from its vendor's services.
+ Turn off the cloud services of the server's vendor.
- Without it the server calls its vendor every few hours and would run models elsewhere.
+ Otherwise the server contacts its vendor every few hours and could run models in the cloud.
- of the service that keeps models loaded: never root, and nobody else on the host.
+ of the service that keeps models loaded: never root, and not used by anything else on the host.
- Kind of GPU handed to the server.
+ Kind of GPU for the server.
- How models come to the host.
+ How models get to the host.
- fetches them straight into the store, resumed after any cut and proven byte by byte.
+ downloads them into the store, resumes after an interruption and verifies all bytes.
- in the init service and proves the bytes afterwards, for where only Ollama itself is let through.
+ in the init service and verifies the bytes afterwards, for networks that only let Ollama through.
- Base URL of a registry that stands in for the default one, with
+ Base URL of a registry to use instead of the default one, with
- anyone on the way could change what comes, and only a digest would tell.
+ anyone in between could alter the data, and only a digest would detect it.
- Who to be at registries that ask for a login, for models and for images. Keep the passwords in a vault.
+ Logins for registries of models and images. Keep the passwords in a vault.
- no longer counts for this stack; without, it does.
+ is not used for this stack; without, it is.
- a model behind a login needs a deploy to come back.
+ to restore a model behind a login, deploy.
- The registry as names of images and models carry it, host or host:port.
+ The registry as in names of images and models, host or host:port.
- Where our own client finds its token service, if that is another host. The Engine asks whom the registry names.
+ Host of its token service for model downloads, if it is another one. The Engine uses the one that the registry names.
- description: Who to be there.
+ description: The user name.
- Folder for the models instead of Docker's volume, for a disk of its own. It is root's, and no other Ollama works in it.
+ Folder for the models instead of Docker's volume, for example on another disk. It must belong to root, and no other Ollama may use it.
- Each value arrives as it is written: a $ is a $.
+ Values are passed literally: a $ is a $.
- Secrets belong into O(ollama_stack_backend_secrets), because environment shows in C(docker inspect).
+ Secrets belong in O(ollama_stack_backend_secrets), because the environment is visible in C(docker inspect).
- The backend, and no other service, finds them as files in
+ Only the backend gets them, as files in
- A value that changes restarts the backend.
+ A changed value restarts the backend.
- It alone can read the secrets' files.
+ Only this uid can read the secrets' files.
- merged into the backend service, as its own depends_on, volumes, healthcheck or networks.
+ merged into the backend service, such as depends_on, volumes, healthcheck or networks.
- Compose reads it as it stands: it puts variables of
+ Compose reads it as written: it resolves variables of
- of C(.env) in, and $$ is a $.
+ of C(.env), and $$ is a $.
- The archive's other services, written as Compose knows them.
+ The archive's other services, in Compose's own syntax.
- They are rendered untouched, so that a database which runs already keeps its hash and is not recreated.
+ They are rendered unchanged, so that a running database keeps its hash and is not recreated.
- Compose networks beside ours.
+ Additional Compose networks.
- Compose volumes beside ours.
+ Additional Compose volumes.
- Without rotation a talkative service fills the disk.
+ Without rotation the logs of a service would fill the disk.
- PEM file on the host with a private CA that both trust too.
+ PEM file on the host with a private CA that both trust in addition.
- Names and addresses that the init service knows beside DNS.
+ Names and addresses for the init service in addition to DNS.
- Seconds the containers get to become healthy and the model to answer once they were started.
+ Seconds for the containers to become healthy and for the model to answer after the start.
- Compares the host with what is wanted, once, and changes nothing.
+ Compares the host with the inventory, once, and changes nothing.
- Bind deploys to the bytes that the hosts hold
+ Pin deploys to the models that the hosts have
- Writes their digests into O(ollama_stack_lock_file), and nothing on a host.
+ Writes their digests into O(ollama_stack_lock_file) and changes nothing on a host.
- Ask the registries which names have moved
+ Ask the registries which tags have moved
- Asks for manifests and for no blob, and changes nothing.
+ Asks for manifests only and changes nothing.
- short_description: Take the stack away
+ short_description: Remove the stack
- An Engine that runs is neither upgraded nor exchanged, and restarted only when told.
+ A running Engine is never upgraded or replaced, and restarted only if asked for.
- on the host. Nothing else reads it.
+ on the host. It is not used elsewhere.
- Most hosts have an Engine already, and somebody who looks after it.
+ Most hosts already have an Engine that somebody maintains.
- What is installed is never upgraded, exchanged or removed.
+ What is installed is never upgraded, replaced or removed.
- takes the host's own packages,
+ installs the host's own packages,
- goes on with the source of an installed Engine.
+ keeps the source of an installed Engine.
- takes the distribution where that has Compose v2 (Debian 13, Ubuntu), else the vendor.
+ uses the distribution if it has Compose v2 (Debian 13, Ubuntu), else the vendor.
- that are installed instead of either source, in the order they need each other.
+ that are installed instead of either source, in the order of their dependencies.
- For hosts that reach no repository, or a Debian 12 that keeps its own docker.io and lacks only Compose v2.
+ For hosts that cannot reach a repository, or a Debian 12 that keeps its own docker.io and only lacks Compose v2.
- Keys to have in C(/etc/docker/daemon.json).
+ Keys to set in C(/etc/docker/daemon.json).
- Keys to have in `/etc/docker/daemon.json`.
+ Keys to set in `/etc/docker/daemon.json`.
- Without it a deploy only says that a restart is due.
+ Without it a deploy only reports that a restart is due.
# --- READMEs of the roles
@ roles/*/README.md
- Puts the archive's backend and a local LLM served by Ollama on a host as one compose file, with the models on disk,
+ Runs the archive's backend and a local LLM served by Ollama on a host from one compose file, with the models on disk,
- every byte proven, loaded and answering.
+ verified, loaded and answering.
- A run ends with every model whole, loaded and answering, or it fails with the reasons. It looks first:
+ A run ends with every model intact, loaded and answering, or it fails with the reasons. It looks first:
- a host where all of that is true is not touched. Volumes are never removed, and what a person set up is taken over only
+ a host that already matches is not changed. Volumes are never removed, and a stack that was set up by hand is taken over only
- when told, or refused with a list of what would be lost.
+ if asked for, or refused with a list of what would be lost.
- wants them. On the host Docker Engine with Compose v2 and python3-docker, which the role `docker_engine` brings, and root by
+ requires them. On the host Docker Engine with Compose v2 and python3-docker, which the role `docker_engine` installs, and root by
- | `check` | compares the host with what is wanted, once, and changes nothing |
+ | `check` | compares the host with the inventory, once, and changes nothing |
- | `lock` | writes the digests that the hosts hold into the lock file, and nothing on a host |
+ | `lock` | writes the digests that the hosts have into the lock file, and changes nothing on a host |
- | `upstream` | asks the registries which names have moved |
+ | `upstream` | asks the registries which tags have moved |
- | `remove` | takes the stack away and leaves its volumes |
+ | `remove` | removes the stack and keeps its volumes |
- Up to the switch: models and images are fetched and everything is judged while the old stack serves, and a failure
+ Up to the switch: models and images are downloaded and everything is checked while the old stack serves, and a failure
- until then leaves the compose file and the containers as they were. After it a failure says which file and which
+ until then leaves the compose file and the containers unchanged. After it a failure says which file and which
- Deploy the earlier inputs again; images and models of before are still on the host. After a take-over the
+ Deploy the earlier inputs again; the earlier images and models are still on the host. After adoption the
- Brings Docker Engine, Compose v2 and the Docker SDK for Python to a host that lacks one of them, and merges keys into
+ Installs Docker Engine, Compose v2 and the Docker SDK for Python where they are missing, and merges keys into
- A running Engine is restarted only when
+ A running Engine is restarted only if
- told. Keys of `daemon.json` that are not named stay as they are.
+ asked for. Keys of `daemon.json` that are not named are kept.
- on the controller, as the [collection](../../README.md#requirements) wants it. On the host
+ on the controller, as the [collection](../../README.md#requirements) requires it. On the host
- and a way to the packages: a repository
+ and access to the packages: a repository
- Yes: where all is installed and `daemon.json` has the keys, nothing is changed and nothing restarted.
+ Yes: if everything is installed and `daemon.json` has the keys, nothing is changed or restarted.
- not: what apt installed before a failure stays, and the next run goes on from there.
+ not: what apt installed before a failure stays, and the next run continues.
- Where an Engine does not come up with a new `daemon.json`, the old one is put back and the host fails.
+ If the Engine does not start with a new `daemon.json`, the old one is restored and the host fails.
- Packages stay; `apt-get remove` takes them away.
+ Packages stay; `apt-get remove` removes them.
# --- README and docs
@ README.md roles/*/README.md docs/*
~ An Ansible collection that puts an archive's backend and a local LLM served by [Ollama](https://ollama.com) on hosts with Docker
+ An Ansible collection that deploys an archive's backend and a local LLM served by [Ollama](https://ollama.com) to hosts with Docker
~ Compose, and proves that the model on disk is the right one and answers.
+ Compose, and verifies that the model on disk is the right one and answers.
~ deploy brings the first three (run on a bare
+ deploy installs the first three (run on a bare
~ takes other
+ selects other
~ Logins for registries, taking over a stack that a person set up, locking models to their bytes
+ Logins for registries, adopting a stack that was set up by hand, pinning models to their digests
~ and taking the stack away are in
+ and removing the stack are in
~ look only: a row for each server, a row for each model of each host, failure where anything is not as wanted
+ look only: a row for each server and each model of each host; fails if anything differs from the inventory
~ bind deploys to the model bytes that the hosts hold, or ask whether the registries have moved a name
+ pin deploys to the digests of the hosts' models, or ask whether a tag has moved in its registry
~ take the stack away; volumes stay
+ remove the stack; volumes stay
~ say whether a stack is as wanted, and if not, why
+ compare a stack with the inventory and report the differences
~ tell whether Ollama models are cached, intact and healthy
+ check whether Ollama models are cached, intact and healthy
~ run a module on a host by itself, and give up a host that is gone
+ run a module in the background on a host, and give up on a host that is gone
~ ## A registry that asks for a login
+ ## Logins for registries
~ Its login stands in the inventory, for images and models:
+ Logins for registries of images and models are set in the inventory:
~ these two hosts and to nobody else; the Engine asks whichever token service the registry names. On the host the logins lie in
+ these two hosts only; the Engine uses whichever token service the registry names. On the host the logins are in
~ `.archiv/docker-config` of the stack's folder, root's alone. Without this input root's own `docker login` counts, with it no
+ `.archiv/docker-config` of the stack's folder, readable by root only. Without this input root's own `docker login` is used, with it
~ longer. `ollama pull` cannot log in: a model behind a login needs a deploy to come back, not only `docker compose up`.
+ not. `ollama pull` cannot log in: to restore a model behind a login, deploy; `docker compose up` is not enough.
~ `archiv.ollama.verify` only looks: a row for each server, a row for each model of each host, and a failure where anything is
+ `archiv.ollama.verify` changes nothing: it prints a row for each server and each model of each host, and fails if anything
~ ## Take over what a person set up
+ ## Adopt a stack that was set up by hand
~ ## Lock models to their bytes
+ ## Pin models to their digests
~ whose disk is thrown away.
+ without a persistent disk.
~ ## Take the stack away
+ ## Remove the stack
~ `archiv.ollama.teardown` takes the stack away once its project is named (`-e teardown_confirmed=archiv` where nobody can
+ `archiv.ollama.teardown` removes the stack once you have typed the project's name (`-e teardown_confirmed=archiv` where nobody can
~ a look that says in one table what is not as wanted.
+ a look that shows all differences in one table.
~ a model bound to the digest of its bytes, each byte
+ a model pinned to its digest, each byte
~ Puts the archive's production stack, a backend and a local LLM served by [Ollama](https://ollama.com), on hosts with
+ Deploys the archive's production stack, a backend and a local LLM served by [Ollama](https://ollama.com), to hosts with
- 1. The model on disk is the right one: every byte hashed when it arrives, none believed after a power cut.
+ 1. The model on disk is the right one: every byte is hashed when it arrives, and again after a power cut.
- 3. A second run changes nothing and restarts nothing; a repaired drift is named.
+ 3. A second run changes nothing and restarts nothing; drift is reported and repaired.
- 4. A reboot or a dead registry takes nothing down: what is on the host is enough to come back.
+ 4. The stack survives a reboot and a dead registry: all that it needs to start is on the host.
~ `docker_engine_manage: true` the deploy brings them (run on a bare Debian 13;
+ `docker_engine_manage: true` the deploy installs them (run on a bare Debian 13;
~ A registry that asks for a login finds it in the inventory, for images and models:
+ Logins for registries of images and models are set in the inventory:
- # as names of images carry it
+ # as in image names
- # where its tokens are given out, if elsewhere
+ # its token service, if on another host
- are tried before anything on the host changes. Our own client shows a login to
+ are tried before anything on the host changes. Our own client sends a login to
~ these two hosts and to nobody else; the Engine asks whichever token service the registry names. On the host the logins lie in `.archiv/docker-config` of the stack's
+ these two hosts only; the Engine uses whichever token service the registry names. On the host the logins are in `.archiv/docker-config` of the stack's
~ folder, root's alone. Without this input root's own `docker login` counts, with it no longer. `ollama pull` cannot log in:
+ folder, readable by root only. Without this input root's own `docker login` is used, with it not. `ollama pull` cannot log in:
~ a model behind a login needs a deploy to come back, not only `docker compose up`.
+ to restore a model behind a login, deploy; `docker compose up` is not enough.
~ `playbooks/verify.yml` only looks: a row for each server, a row for each model of each host, and a failure where anything is
+ `playbooks/verify.yml` changes nothing: it prints a row for each server and for each model of each host, and fails if anything
- not as wanted. What was just started is waited for. A model whose bytes were not hashed since the host was booted, or for a
+ differs from the inventory. It waits for containers that were just started. A model that was not hashed since the last boot, or for a
- week, is marked and no failure; `-e verify=full` reads all bytes, and the next deploy hashes them too, once, and says so.
+ week, is marked, but is not a failure; `-e verify=full` hashes all bytes, and so does the next deploy, once.
- Where a person has set up the stack, the first deploy is refused until `ollama_stack_adopt: true`, and until each part of the old
+ If the stack was set up by hand, the first deploy is refused until `ollama_stack_adopt: true`, and until each setting of the old
- backend is in the inventory or given up by name: environment
+ backend is in the inventory or dropped by name: environment
~ `playbooks/teardown.yml` takes the stack away once its project is named (`-e teardown_confirmed=archiv` where nobody can
+ `playbooks/teardown.yml` removes the stack once you have typed the project's name (`-e teardown_confirmed=archiv` where nobody can
- writes the digests that your hosts hold into
+ writes the digests that your hosts have into
- # what staging holds is what production gets
+ # production gets what staging has
- fails, or is only told with `ollama_stack_lock_policy: warn`.
+ fails, or is only reported with `ollama_stack_lock_policy: warn`.
- | command | what it says |
+ | command | what it checks |
- the wrapper and the logins for images, which mean nothing to what runs
+ the wrapper and the logins for images, which do not affect running containers
- networks that Compose would leave wrong; hung containers restarted
+ networks that Compose would not correct; hung containers restarted
- every refusal in one message, before anything is touched; then the reasons are told
+ every refusal in one message, before anything is touched; then the differences are reported
- nothing else runs: one task, changed=0; where only proofs are void, as after a boot, it says so and hashes
+ nothing else runs: one task, changed=0; where only receipts are void, as after a boot, it says so and hashes
- An image that came has its name from then on, and what runs goes on with the one it was started from. What fails
+ Images that were pulled have their new tag already; running containers keep the image they were started from. What fails
- What Ansible's own types tell (a wrong type, an unknown choice or key) is refused on the controller, all of it in one message. All
+ What Ansible's own validation finds (a wrong type, an unknown choice or key) is refused on the controller, all of it in one message. All
- A module fails in one sentence, also where it met what nobody expected, and has a deadline of its own that holds when its
+ A module fails with one sentence, also for an unexpected error, and has a deadline of its own that holds when its
- root's, and the TLS variables beside it, count nowhere: with them a deploy could look at one Engine and change another.
+ root's, and the TLS variables beside it, are ignored: with them a deploy could look at one Engine and change another.
- ## What is believed about a model
+ ## When a model counts as verified
- `cached` means that the manifest parses and every blob is there with its size; `intact` means that its bytes were hashed now,
+ `cached` means that the manifest is valid and every blob has the right size; `intact` means that its bytes were hashed now,
- fault: a look tells them as a note, and a deploy hashes those bytes, so that what a power cut tore and what rots on the disk is
+ fault: a look reports them as a note, and a deploy hashes those bytes, so that damage by a power cut or by the disk is
- ## What a take-over must not lose
+ ## What adoption must not lose
- settings and project. Each part of that backend that the new one lacks or has otherwise is named, never its value, which may be
+ settings and project. Each setting of that backend that the new one lacks or changes is named, never its value, which may be
- A network cannot change between internal and not, so it is made anew under its containers by one script under one lock, which
+ A network cannot change between internal and not, so it is recreated under its containers by one script under one lock, which
- connects them again whatever fails and whether or not anybody waits. Containers of other projects on it would be left off, and
+ reconnects them whatever fails and whether or not the controller waits. Containers of other projects on it would lose it, and
- ## What is not believed
+ ## What is not trusted
- mends it. A prune takes regular files with the names that Ollama or this collection gives, and nothing else. What does not belong
+ fixes it. A prune takes regular files with the names that Ollama or this collection gives, and nothing else. What does not belong
- into a store is told in a sentence and left alone.
+ in a store is reported in a sentence and left alone.
- running container has the current secrets is told by the kernel's list of its mounts, where a file that was replaced is marked;
+ running container has the current secrets is read from the kernel's list of its mounts, where a file that was replaced is marked;
- ## What a name is bound to
+ ## What a name is pinned to
- A name is bound by `digest` in `ollama_stack_models`, else by the lock file, else to nothing: then what is in the store stays,
+ A name is pinned by `digest` in `ollama_stack_models`, else by the lock file, else not at all: then what is in the store stays,
- whatever the registry says meanwhile. A deploy compares the store with the digest and asks no registry as long as both agree.
+ whatever the registry says later. A deploy compares the store with the digest and asks no registry as long as both agree.
- OCI registry keeps until it collects its garbage; a registry that gives it no more ends the deploy in a sentence.
+ OCI registry keeps until its garbage collection; if the registry no longer has it, the deploy fails with a sentence.
- a deploy to a server without an Engine, foretold first; an Engine told what it cannot take, then something new
+ a deploy to a server without an Engine, in check mode first; a daemon.json that the Engine rejects, then a valid one
- one deploy brings all; the refused file is not written
+ one deploy installs all; the refused file is not written
- In it `adopted` was red for eight packets that closed connections from before, was mended, and ran again alone.
+ In it `adopted` failed because of eight packets that closed earlier connections, was fixed, and ran again alone.
- seven changes by hand; the same image published again in another index, which is to change nothing | each is named and mended, and what it does not concern runs on
+ seven changes by hand; the same image published again in another index, which must change nothing | each is named and fixed, and unrelated containers keep running
- nothing else blinks; each heals by itself or says what hand it needs
+ nothing else fails; each recovers by itself or says what to do
- found and named by file; a deploy mends it
+ found and named by file; a deploy repairs it
- no writer at a pipe's other end wakes; each is told or refused in a sentence, in bounded time
+ no writer at a pipe's other end wakes; each is reported or refused in a sentence, in bounded time
- the backend answers 503; raising the limit heals
+ the backend answers 503; raising the limit fixes it
- the next deploy finds its way; nothing half-done is left; two never spoil each other
+ the next deploy succeeds; nothing half-done is left; two never damage each other's work
- files, models and stack are whole after the boot
+ files, models and stack are intact after the boot
- Nobody lends a hand but the deploy itself, and after the reboot not even that.
+ Nothing is done by hand, and after the reboot no deploy is needed either.
- became ad7c5c38; nobody lent a hand
+ became ad7c5c38; nothing was done by hand
- every model whole, loaded, pinned and answering
+ every model intact, loaded, pinned and answering
- refused below the model's size, then killed, then healed
+ refused below the model's size, then killed, then fixed
- the same in our verdict; a raised limit heals
+ the same in our verdict; a raised limit fixes it
- YAML quotes otherwise. Both were run again, and caught, once that was mended.
+ YAML quotes differently. Both were run again, and caught, once that was fixed.
- puts real machines, a real registry and a real model on this one, so that nothing has to be believed.
+ puts real machines, a real registry and a real model on this one, so that nothing has to be assumed.
- them the next deploy had something to mend. A run before that ended at its 17th kill, and showed what no deploy can mend: an Engine
+ them the next deploy had something to repair. A run before that ended at its 17th kill, and showed what no deploy can repair: an Engine
- restarted (moby/moby#20486). By hand it came in the second try of each, 0.05 s after `docker start`. Since then the deploy says so and
+ restarted (moby/moby#20486). By hand it could be reproduced in the second try of each, 0.05 s after `docker start`. Since then the deploy says so and
- what to do, and the scenario lends that one hand; in the hundred it was not needed.
+ what to do, and the scenario restarts the Engine where that is needed; in the hundred it was not.
- It fails when our install said ok and a file is missing or wrong, when a file of ours is not what its name says, when we call
+ It fails when our install said ok and a file is missing or wrong, when a file of ours does not match its name, when we call
- whole what is not (or `full` does not see that it is whole), when the next run does not end whole, when a run after that
+ intact what is not (or `full` does not see that it is intact), when the next run does not end with an intact model, when a run after that
- model is there and must stay whole.
+ model is there and must stay intact.
- hands the GPUs of a host to the server, all of them. A deploy looks for them first and is refused, with
+ gives all GPUs of a host to the server. A deploy looks for them first and is refused, with
- the old stack serving on, where they are not there.
+ the old stack still serving, where they are missing.
- The host needs the kernel's driver `amdgpu`, which makes `/dev/kfd`
+ The host needs the kernel driver `amdgpu`, which creates `/dev/kfd`
- | disconnected, made anew, connected again |
+ | disconnected, recreated, connected again |
- ## Proven, and not
+ ## What was tested, and what was not
- Proven on the lab's hosts, which have no GPU,
+ Tested on the lab's hosts, which have no GPU,
- Compose reads both forms of the file as they are meant.
+ Compose reads both forms of the file as intended.
- Not proven, for want of a GPU: a model that is loaded into one and answers, NVIDIA's toolkit at work, and whether
+ Not tested, because no GPU was available: a model that is loaded into one and answers, NVIDIA's toolkit in use, and whether
@ *
# --- what docs/operations.md shows (its gate may want other lines where a failure is one string now)
@ docs/* tests/operations/*
~ ; a deploy writes it
+  (deploy will write it)
~ ; a deploy removes it
+  (deploy will remove it)
~ ; a deploy creates it
+  (deploy will create it)
~ ; a deploy recreates its container
+  (deploy will recreate the container)
~ ; a deploy restarts its container
+  (deploy will restart the container)
~ ; a deploy starts it
+  (deploy will start it)
~ ; a deploy makes the network anew and connects its containers again
+  (deploy will recreate the network and reconnect its containers)
~ ; a deploy connects it
+  (deploy will connect it)
~ ; a deploy installs it
+  (deploy will install it)
~ ; a deploy hashes it, and installs it again where that shows damage
+  (deploy will hash it, and reinstall it if it is damaged)
~ ; a deploy reads and compares them, as does verify.yml with -e verify=full
+  (deploy will hash it, as does verify.yml with -e verify=full)
~ ; it may still come up by itself
+  (may recover on its own)
~ ; it needs to be mended by hand
+  (needs manual action)
~ archiv is not as wanted:
+ archiv differs from the inventory:
~ archiv is as wanted
+ archiv matches the inventory
~ : the file is missing
+ : file is missing
~ : it is not in the store
+ : not in the store
~ : it was not written by us
+ : not managed by archiv.ollama
~ : nothing asks for it any more
+ : no longer needed
~ : it was started with another db_password
+ : still runs with the old value of secret db_password
~ : its container is exited
+ : container is exited
~ : it is unhealthy
+ : container is unhealthy
~ the disk of /srv/models/models has … free, and about … are needed for
+ not enough disk space in /srv/models/models: … free, about … needed for
~ and fails where anything is not as wanted.
+ and fails if anything differs from the inventory.
~ what each host serves and holds.
+ what each host serves and has.
@ *
"""

if __name__ == "__main__":
    sys.exit(run(TABLE))
