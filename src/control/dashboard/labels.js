// What fields are called by people, where taking the API's name apart is not enough.

const LABELS = {
    '/vHost': 'Host', '/id': 'Id', '/autoHttps': 'Redirect plain HTTP to HTTPS', '/authProvider': 'Auth provider',
    '/reqActiveLength': 'Active requests at most', '/reqQueueLength': 'Waiting requests at most', '/queueTimeout': 'Longest wait',
    '/maxBodyBytes': 'Request body at most', '/headers': 'Request fields', '/responseHeaders': 'Response fields',
    '/abortOnClose': 'Stop the backend when the client leaves', '/timeout': 'Whole request', '/connectTimeout': 'Connect',
    '/responseTimeout': 'Response head', '/tunnelIdle': 'Silent tunnel', '/health/probe/path': 'Probe path',
    '/health/probe/timeout': 'Probe time-out', '/health/maxFails': 'Failures until dead', '/health/failWindow': 'Failures count for',
    '/health/recheck': 'Between probes', '/circuit/errorRate': 'Error rate that opens', '/circuit/minRequests': 'Requests at least',
    '/circuit/window': 'Counted over', '/circuit/open': 'Open for', '/pool/size': 'Idle connections kept', '/pool/idle': 'Kept for',
    '/ssl/cert': 'Certificate chain', '/ssl/key': 'Private key', '/cert': 'Certificate chain', '/key': 'Private key',
    '/ocsp': 'OCSP response', '/tls': 'TLS to the backend', '/caCert': 'Trusted certificates', '/clientCert': 'Client certificate',
    '/clientKey': 'Client key', '/serverName': 'Server name', '/proxyProtocol': 'PROXY protocol version',
};

/** "/pool/maxSize": "Max size" */
function plainWords(pointer) {
    const words = pointer.split('/').at(-1).replace(/([a-z])([A-Z])/g, '$1 $2').toLowerCase();
    return words[0].toUpperCase() + words.slice(1);
}

export const labelOf = (pointer) => LABELS[pointer] ?? LABELS[pointer.replace(/^\/backends\/0/, '')] ?? plainWords(pointer);
