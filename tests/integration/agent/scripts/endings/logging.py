import logging
logging.warning('careful')
logging.info('silent')
