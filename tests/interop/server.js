// usage: node server.js OPTIONS: answer each request with the file that OPTIONS names, and close.
"use strict";
const fs = require("fs");
const tls = require("tls");
const options = JSON.parse(process.argv[2]);
for (const name of ["ca", "cert", "key"]) if (options[name]) options[name] = fs.readFileSync(options[name]);
const payload = fs.readFileSync(options.payload);
const server = tls.createServer(options, (socket) => {
  const subject = (socket.getPeerCertificate() || {}).subject;
  console.log(`name ${socket.servername}, alpn ${socket.alpnProtocol}, client ${subject ? subject.CN : "none"}`);
  socket.on("error", (error) => console.log(error.code));
  socket.once("data", () => socket.end(Buffer.concat([Buffer.from("HTTP/1.0 200 OK\r\n\r\n"), payload])));
});
server.on("tlsClientError", (error) => console.log(error.code));
server.listen(0, "127.0.0.1", () => console.log(`listening 127.0.0.1:${server.address().port}`));
