// Reads lines of JSON. The first is a description of an API (OpenAPI): says whether it is one. Each of the others,
// {"method", "path", "status", "body"}, is an answer of that API: says whether it is as described.
'use strict';
const readline = require('readline');

let description;
let ajv;

function fitting(path) {
    return Object.keys(description.paths).find((template) => {
        const pattern = template.replace(/[.]/g, '\\.').replace(/\{\w+\}/g, '[^/]+');
        return new RegExp(`^${pattern}$`).test(path.split('?')[0]);
    });
}

async function describe(document) {
    const { Validator } = await import('@seriousme/openapi-schema-validator');
    const result = await new Validator().validate(JSON.parse(JSON.stringify(document)));
    const Ajv = require('ajv/dist/2020');
    description = document;
    ajv = new Ajv({ strict: false, allErrors: true, validateFormats: false });
    ajv.addSchema(document, 'api');
    return { valid: result.valid, errors: result.errors };
}

function check({ method, path, status, body }) {
    const template = fitting(path);
    const operation = template && description.paths[template][method.toLowerCase()];
    if (!operation) return { valid: false, errors: `no operation ${method} ${path}` };
    let at = ['paths', template, method.toLowerCase(), 'responses', String(status)];
    if (!operation.responses[status]) at = ['components', 'responses', 'Problem'];
    const response = at.reduce((inside, name) => inside[name], description);
    if (!response.content) return { valid: body === null, errors: 'a body, where there is to be none' };
    at.push('content', Object.keys(response.content)[0], 'schema');
    const pointer = at.map((name) => encodeURIComponent(name.replace(/~/g, '~0').replace(/\//g, '~1'))).join('/');
    const validate = ajv.getSchema(`api#/${pointer}`);
    return { valid: validate(body), errors: validate.errors };
}

(async () => {
    for await (const line of readline.createInterface({ input: process.stdin })) {
        const value = JSON.parse(line);
        console.log(JSON.stringify(description ? check(value) : await describe(value)));
    }
})();
