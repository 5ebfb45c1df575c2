// usage: node client.js OPTIONS [COUNT]: connect COUNT times, each resuming the session of the one before.
// The file that OPTIONS names is sent, what the server sends is written to stdout.
"use strict";
const fs = require("fs");
const tls = require("tls");
const options = JSON.parse(process.argv[2]);
for (const name of ["ca", "cert", "key"]) if (options[name]) options[name] = fs.readFileSync(options[name]);
const request = fs.readFileSync(options.request);
let left = Number(process.argv[3] || 1);

function connect(session) {
  const socket = tls.connect({ ...options, session });
  socket.on("session", (fresh) => { session = fresh; });
  socket.on("secureConnect", () => {
    console.error(`alpn ${socket.alpnProtocol}, reused ${socket.isSessionReused()}`);
    socket.write(request);
  });
  socket.on("data", (data) => process.stdout.write(data));
  socket.on("error", (error) => { console.error(error.code); process.exitCode = 1; });
  socket.on("close", (failed) => { if (--left > 0 && !failed) connect(session); });
}
connect();
