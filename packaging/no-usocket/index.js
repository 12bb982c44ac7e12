'use strict';
throw new Error('the native usocket is left out on purpose: node:net serves');
